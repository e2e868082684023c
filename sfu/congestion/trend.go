package congestion

import "time"

// usage is what the delays say of the link (draft-ietf-rmcat-gcc-02, 5.4).
type usage int

const (
	normalUse usage = iota
	overuse         // a queue grows
	underuse        // a queue drains
)

// The trend's numbers are libwebrtc's. The threshold's are those of section 5.4:
// it falls slowly, over seconds, or else it has forgotten a competing flow's
// last wave when the next one comes, and that flow starves us.
const (
	trendWindow    = 20 // groups
	trendSmoothing = 0.9
	trendGain      = 4.0
	trendMost      = 60 // groups that make a trend weightier

	thresholdStart = 12.5 // ms
	thresholdLeast = 6.0
	thresholdMost  = 600.0
	thresholdUp    = 0.01 // K_u and K_d, per ms
	thresholdDown  = 0.00018
	thresholdJump  = 15.0 // ms above the threshold: an outlier, not learnt from

	overuseLeast = 10 * time.Millisecond
)

// trend fits a line through the accumulated delay of the latest groups. Its
// slope, held against a threshold that adapts to what else is on the link,
// says whether a queue grows.
type trend struct {
	accumulated, smoothed float64 // ms
	x, y                  [trendWindow]float64
	groups                int
	first                 time.Duration

	threshold float64
	adapted   time.Duration // receiver's clock
	slope     float64
	over      time.Duration // for how long the slope has been above
	overCount int
	state     usage
}

func newTrend() trend { return trend{threshold: thresholdStart} }

// add takes the next group.
func (t *trend) add(d groupDelta) usage {
	if t.groups == 0 {
		t.first, t.adapted = d.arrivedAt, d.arrivedAt
	}
	t.accumulated += milliseconds(d.arrival - d.sent)
	t.smoothed = trendSmoothing*t.smoothed + (1-trendSmoothing)*t.accumulated
	t.x[t.groups%trendWindow] = milliseconds(d.arrivedAt - t.first)
	t.y[t.groups%trendWindow] = t.smoothed
	t.groups++
	slope := t.slope
	if t.groups >= trendWindow {
		slope = t.fit()
	}
	t.detect(slope, d)
	return t.state
}

// fit is the slope of the least squares line.
func (t *trend) fit() float64 {
	var meanX, meanY float64
	for i := range trendWindow {
		meanX += t.x[i] / trendWindow
		meanY += t.y[i] / trendWindow
	}
	var above, below float64
	for i := range trendWindow {
		above += (t.x[i] - meanX) * (t.y[i] - meanY)
		below += (t.x[i] - meanX) * (t.x[i] - meanX)
	}
	if below == 0 {
		return t.slope
	}
	return above / below
}

func (t *trend) detect(slope float64, d groupDelta) {
	weighed := slope * float64(min(t.groups, trendMost)) * trendGain
	switch {
	case weighed > t.threshold:
		if t.overCount == 0 {
			t.over = d.sent / 2
		} else {
			t.over += d.sent
		}
		t.overCount++
		if t.over > overuseLeast && t.overCount > 1 && slope >= t.slope {
			t.over, t.overCount, t.state = 0, 0, overuse
		}
	case weighed < -t.threshold:
		t.over, t.overCount, t.state = 0, 0, underuse
	default:
		t.over, t.overCount, t.state = 0, 0, normalUse
	}
	t.slope = slope
	t.adapt(weighed, d.arrivedAt)
}

func (t *trend) adapt(weighed float64, at time.Duration) {
	if weighed < 0 {
		weighed = -weighed
	}
	passed := min(milliseconds(at-t.adapted), 100)
	t.adapted = at
	if weighed > t.threshold+thresholdJump || passed < 0 {
		return
	}
	k := thresholdUp
	if weighed < t.threshold {
		k = thresholdDown
	}
	t.threshold = min(max(t.threshold+k*(weighed-t.threshold)*passed, thresholdLeast), thresholdMost)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
