package records

// window tells which records came already (RFC 6347, section 4.1.2.6). Older
// ones than it reaches back count as that.
type window struct {
	next uint64 // one more than the highest number so far
	came uint64 // bit n is that of number next-1-n
}

// windowSize is how far it reaches back.
const windowSize = 64

// fresh reports whether a number is new.
func (w *window) fresh(number uint64) bool {
	if number >= w.next {
		return true
	}
	back := w.next - 1 - number
	return back < windowSize && w.came>>back&1 == 0
}

// take notes a number that is fresh, once its record has proved itself.
func (w *window) take(number uint64) {
	if number >= w.next {
		w.came = w.came<<(number+1-w.next) | 1 // all is shifted out when it is far
		w.next = number + 1
		return
	}
	w.came |= 1 << (w.next - 1 - number)
}
