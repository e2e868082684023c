package sfu

import (
	"fmt"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// runLab is a run to two takers, and what became of it.
type runLab struct {
	run        *run
	fast, slow *data
	at         time.Time
	read       map[*data]uint64
}

func newRunLab() *runLab {
	l := &runLab{fast: &data{}, slow: &data{}, at: time.Unix(0, 0), read: map[*data]uint64{}}
	l.run = newRun(l.at, &dataframe.Part{Message: 1, Total: 1 << 20})
	l.run.takers[l.fast], l.run.takers[l.slow] = &taker{}, &taker{}
	return l
}

func (l *runLab) part(offset uint32, length int) string {
	return l.run.accept(l.at, &dataframe.Part{Message: 1, Offset: offset, Total: 1 << 20}, length)
}

func (l *runLab) hold(d *data) { l.run.hold(l.at, d, l.read[d]) }

// look says who is overdue, and takes them out.
func (l *runLab) look() string {
	behind, lost := l.run.overdue(l.at, func(d *data) uint64 { return l.read[d] })
	out := ""
	for _, d := range behind {
		out += fmt.Sprint("behind at ", l.run.remove(l.at, d), " ")
	}
	for _, d := range lost {
		out += fmt.Sprint("lost at ", l.run.remove(l.at, d), " ")
	}
	return out
}

func TestARunTakesWhatFollowsWithinItsWindow(t *testing.T) {
	l := newRunLab()
	for i, step := range []struct {
		offset uint32
		length int
		want   string
	}{
		{1, 10, "out of turn"},
		{0, 100_000, ""},
		{0, 100_000, "out of turn"},
		{100_001, 1, "out of turn"},
		{100_000, dataframe.Window - 100_000 + 1, "beyond the window"},
		{100_000, dataframe.Window - 100_000, ""},
		{dataframe.Window, 1, "beyond the window"},
	} {
		if got := l.part(step.offset, step.length); got != step.want {
			t.Fatalf("step %d: %q, not %q", i, got, step.want)
		}
	}
	if offset, due := l.run.due(); !due || offset != dataframe.Window {
		t.Fatalf("ready for %d (%v)", offset, due)
	}
	if got := l.part(dataframe.Window, 1); got != "" {
		t.Fatalf("after that: %q", got)
	}
	if got := l.run.accept(l.at, &dataframe.Part{Message: 2, Offset: dataframe.Window + 1, Total: 1 << 20}, 1); got != "out of turn" {
		t.Fatalf("a part of another message: %q", got)
	}
}

func TestARunWaitsForTheSlowestUntilItsPatienceEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(l *runLab) string
		want string
	}{
		{"one keeps the other waiting", func(l *runLab) string {
			l.hold(l.slow)
			l.at = l.at.Add(lagPatience - 1)
			early := l.look()
			l.at = l.at.Add(1)
			return early + l.look()
		}, "behind at 1000 "},
		{"by and by", func(l *runLab) string {
			out := ""
			for range 10 {
				l.hold(l.slow)
				l.at = l.at.Add(lagPatience / 10)
				out += l.look()
				l.run.release(l.at, l.slow)
				l.at = l.at.Add(time.Hour) // waiting for the sender is nobody's fault
			}
			return out
		}, "behind at 1000 "},
		{"both are as slow", func(l *runLab) string {
			l.hold(l.slow)
			l.hold(l.fast)
			l.at = l.at.Add(readPatience - 1)
			return l.look()
		}, ""},
		{"it is alone", func(l *runLab) string {
			l.run.remove(l.at, l.fast)
			l.hold(l.slow)
			out := ""
			for range 10 {
				l.at = l.at.Add(readPatience - 1)
				l.read[l.slow]++
				out += l.look()
			}
			return out
		}, ""},
		{"alone, it reads nothing", func(l *runLab) string {
			l.run.remove(l.at, l.fast)
			l.hold(l.slow)
			l.at = l.at.Add(readPatience)
			return l.look()
		}, "lost at 1000 "},
		{"it missed a part", func(l *runLab) string {
			l.run.cut(l.slow, 400)
			l.hold(l.slow)
			l.at = l.at.Add(lagPatience)
			return l.look()
		}, "behind at 400 "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newRunLab()
			l.part(0, 1000)
			if got := tc.do(l); got != tc.want {
				t.Fatalf("%q, not %q", got, tc.want)
			}
			_, due := l.run.due()
			if waits := l.run.held > 0; due == waits {
				t.Errorf("the sender may go on: %v, with %d held", due, l.run.held)
			}
		})
	}
}

func TestARunMakesPlaceOnlyWhenNothingComesOfIt(t *testing.T) {
	l := newRunLab()
	l.part(0, 1000)
	l.at = l.at.Add(idlePatience - 1)
	if l.run.idle(l.at) {
		t.Error("it is idle early")
	}
	l.hold(l.slow)
	l.at = l.at.Add(time.Hour)
	if l.run.idle(l.at) {
		t.Error("it is idle although somebody reads slowly")
	}
	l.run.release(l.at, l.slow)
	if !l.run.idle(l.at) {
		t.Error("it is not idle although nothing was sent in an hour")
	}
}
