package doctor

import (
	"fmt"
	"net/http"
	"time"
)

// clockTolerance is by how much clocks may differ: credentials and tokens are good
// for some seconds at least.
const clockTolerance = 30 * time.Second

// clock compares the Date of an answer (RFC 9110, section 6.6.1) with this
// machine's clock.
func (e *exam) clock(date string, asked, answered time.Time) {
	at, err := http.ParseTime(date)
	if err != nil {
		e.skip(NotOffered, "the server's answer has no date", Clock)
		return
	}
	state, detail := judgeClock(at, asked, answered)
	e.note(Result{Leg: Clock, State: state, Detail: detail})
}

// judgeClock says how far a server's clock is from ours. A date is cut to seconds,
// and was read between asking and the answer.
func judgeClock(date, asked, answered time.Time) (State, string) {
	ahead := date.Sub(asked) + 500*time.Millisecond
	if behind := date.Sub(answered) + 500*time.Millisecond; behind.Abs() < ahead.Abs() {
		ahead = behind
	}
	ahead = ahead.Round(time.Second)
	switch {
	case ahead.Abs() <= time.Second:
		return Works, "the server's shows the same as this machine's"
	case ahead > clockTolerance:
		return Limited, fmt.Sprintf("the server's is %v ahead of this machine's", ahead)
	case ahead < -clockTolerance:
		return Limited, fmt.Sprintf("the server's is %v behind this machine's", -ahead)
	}
	return Works, fmt.Sprintf("the server's differs by %v from this machine's", ahead.Abs())
}
