package load

import (
	"math/bits"
	"time"
)

const (
	// histogramSteps is how many buckets a power of two has: 3 % of a value.
	histogramSteps = 32
	histogramSize  = 32 * histogramSteps
)

// histogram counts times from a microsecond to over an hour.
type histogram [histogramSize]uint64

func (h *histogram) add(d time.Duration) {
	us := uint64(max(d, 0) / time.Microsecond)
	if us < histogramSteps {
		h[us]++
		return
	}
	shift := bits.Len64(us) - 6
	h[min((shift+1)*histogramSteps+int(us>>shift)-histogramSteps, histogramSize-1)]++
}

// value is the time that a bucket begins with.
func (h *histogram) value(i int) time.Duration {
	if i < histogramSteps {
		return time.Duration(i) * time.Microsecond
	}
	shift := i/histogramSteps - 1
	return time.Duration(uint64(histogramSteps+i%histogramSteps)<<shift) * time.Microsecond
}

func (h *histogram) count() (n uint64) {
	for _, c := range h {
		n += c
	}
	return n
}

// quantile is the time that a share q of all is not above of; 0 for none.
func (h *histogram) quantile(q float64) time.Duration {
	total := h.count()
	if total == 0 {
		return 0
	}
	wanted, n := uint64(q*float64(total-1))+1, uint64(0)
	for i, c := range h {
		if n += c; n >= wanted {
			return h.value(i)
		}
	}
	return h.value(histogramSize - 1)
}

func (h *histogram) merge(other *histogram) {
	for i, c := range other {
		h[i] += c
	}
}

// since takes away what was counted before.
func (h *histogram) since(before *histogram) {
	for i, c := range before {
		h[i] -= c
	}
}
