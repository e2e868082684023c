package congestion

import "time"

const windowBuckets = 16

// rateWindow is a rate over the latest time: windowBuckets buckets of the
// length that each call is given, which must always be the same.
type rateWindow struct {
	bytes   [windowBuckets]int
	newest  int64 // bucket number, since the clock's zero
	first   time.Duration
	started bool
}

// add counts bytes at a moment, by whatever clock.
func (w *rateWindow) add(at, bucket time.Duration, bytes int) {
	number := int64(at / bucket)
	// After a long silence what came before says nothing of now.
	if !w.started || number-w.newest >= 2*windowBuckets {
		*w = rateWindow{newest: number, first: at, started: true}
	}
	if number <= w.newest-windowBuckets {
		return
	}
	for ; w.newest < number; w.newest++ {
		w.bytes[(w.newest+1)&(windowBuckets-1)] = 0
	}
	w.bytes[number&(windowBuckets-1)] += bytes
}

// rate is in bps; ok says whether two thirds of the window were seen. The
// newest bucket, which is not full yet, is left out.
func (w *rateWindow) rate(bucket time.Duration) (bps float64, ok bool) {
	span := min(time.Duration(w.newest)*bucket-w.first, (windowBuckets-1)*bucket)
	if !w.started || span < windowBuckets*2/3*bucket {
		return 0, false
	}
	sum := 0
	for i, bytes := range w.bytes {
		if int64(i) != w.newest&(windowBuckets-1) {
			sum += bytes
		}
	}
	return float64(sum) * 8 / span.Seconds(), true
}
