package session_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/session"
)

var roomy = session.Bounds{Messages: 100, Bytes: 1 << 20}

// next waits for what is read next.
func next(t *testing.T, a *session.Attachment) ([]session.Entry, error) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		out, err := a.Read(nil)
		if err != nil || len(out) > 0 {
			return out, err
		}
		select {
		case <-a.Ready():
		case <-timeout:
			t.Fatal("nothing came")
		}
	}
}

func attach(t *testing.T, s *session.Session, after uint64) *session.Attachment {
	t.Helper()
	a, err := s.Attach(after)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAttachReadsOnFromItsNumber(t *testing.T) {
	s := session.New("s", roomy)
	for range 3 {
		s.Send(text("x"), "")
	}
	got, err := next(t, attach(t, s, 1))
	if err != nil || !slices.Equal(seqs(got), []uint64{2, 3}) {
		t.Fatalf("got %v, %v", seqs(got), err)
	}
}

func TestAReaderIsToldOfASend(t *testing.T) {
	s := session.New("s", roomy)
	a := attach(t, s, 0)
	go s.Send(text("x"), "42")
	got, err := next(t, a)
	if err != nil || len(got) != 1 || got[0].Re != "42" {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestANewAttachmentFencesTheOld(t *testing.T) {
	s := session.New("s", roomy)
	old := attach(t, s, 0)
	if got, err := old.Read(nil); err != nil || len(got) != 0 {
		t.Fatalf("the old attachment got %v, %v", seqs(got), err)
	}
	fresh := attach(t, s, 0)
	if _, err := next(t, old); !errors.Is(err, session.ErrFenced) {
		t.Fatalf("the old attachment got %v", err)
	}
	s.Send(text("x"), "")
	if got, err := next(t, fresh); err != nil || len(got) != 1 {
		t.Fatalf("the new attachment got %v, %v", got, err)
	}
}

func TestAttachToWhatIsGone(t *testing.T) {
	s := session.New("s", session.Bounds{Messages: 2, Bytes: 1 << 20})
	for range 5 {
		s.Send(text("x"), "")
	}
	for after, want := range map[uint64]error{0: session.ErrMissed, 2: session.ErrMissed, 6: session.ErrFuture} {
		if _, err := s.Attach(after); !errors.Is(err, want) {
			t.Errorf("Attach(%d) = %v, want %v", after, err, want)
		}
	}
}

// A client that has missed something begins anew with one event; numbers go on.
func TestRestartTakesThePlaceOfWhatWasMissed(t *testing.T) {
	s := session.New("s", session.Bounds{Messages: 2, Bytes: 1 << 20})
	for range 5 {
		s.Send(text("x"), "")
	}
	a, err := s.Restart(text("all there is"))
	if err != nil {
		t.Fatal(err)
	}
	s.Send(text("more"), "")
	if got, err := next(t, a); err != nil || !slices.Equal(seqs(got), []uint64{6, 7}) {
		t.Fatalf("got %v, %v", seqs(got), err)
	}
}

// Nobody is attached, so nobody is slow: the gap shows at the next attach.
func TestADetachedSessionOutlivesItsBounds(t *testing.T) {
	s := session.New("s", session.Bounds{Messages: 2, Bytes: 1 << 20})
	a := attach(t, s, 0)
	if !a.Detach() || a.Detach() {
		t.Fatal("one Detach lets go, and one only")
	}
	if _, err := a.Read(nil); !errors.Is(err, session.ErrFenced) {
		t.Fatalf("Read after Detach = %v", err)
	}
	for range 5 {
		s.Send(text("x"), "")
	}
	if !s.Open() {
		t.Fatalf("the session ended: %v", s.Reason())
	}
	if got, err := next(t, attach(t, s, 3)); err != nil || !slices.Equal(seqs(got), []uint64{4, 5}) {
		t.Fatalf("got %v, %v", seqs(got), err)
	}
}

// An acknowledgement may be under way while the client attaches anew.
func TestWhatIsAcknowledgedMeanwhileIsNotReadAgain(t *testing.T) {
	s := session.New("s", roomy)
	for range 4 {
		s.Send(text("x"), "")
	}
	if got, err := next(t, attach(t, s, 0)); err != nil || len(got) != 4 {
		t.Fatalf("got %v, %v", seqs(got), err)
	}
	a := attach(t, s, 1)
	if err := s.Ack(3); err != nil {
		t.Fatal(err)
	}
	if got, err := next(t, a); err != nil || !slices.Equal(seqs(got), []uint64{4}) {
		t.Fatalf("got %v, %v", seqs(got), err)
	}
}

func TestResumeTokens(t *testing.T) {
	s := session.New("s", roomy)
	if s.Admits("") {
		t.Error("a session without a token admits who has none")
	}
	first := s.Renew()
	if !s.Admits(first) {
		t.Fatal("the first token does not open the session")
	}
	second, third := s.Renew(), s.Renew()
	if !s.Admits(first) {
		t.Error("the answers with the new tokens may have been lost: the first must do")
	}
	if !s.Holds(third) || s.Holds(second) {
		t.Error("the last token is not the one made last")
	}
	if !s.Admits(second) {
		t.Error("the answer with the third token may have been lost: the second must do")
	}
	if s.Admits(first) {
		t.Error("the first token is good after the second was used")
	}
	if !s.Admits(third) {
		t.Error("who shows the second token takes the session from who has the third")
	}
	if s.Admits(second) {
		t.Error("the second token is good after the third was used")
	}
	var last string
	for range 10 {
		last = s.Renew()
	}
	if !s.Admits(third) || !s.Admits(last) || s.Admits(third) {
		t.Error("tokens that never arrived push out the one that did")
	}
	if other := session.New("t", roomy); other.Admits(last) {
		t.Error("another session takes the token")
	}
}

func TestAClientThatStopsReadingEndsAsSlow(t *testing.T) {
	s := session.New("s", session.Bounds{Messages: 10, Bytes: 1 << 20})
	a := attach(t, s, 0)
	for range 11 {
		s.Send(text("x"), "")
	}
	select {
	case <-s.Done():
	default:
		t.Fatal("the session goes on")
	}
	if code := s.Reason().GetCode(); code != protocol.Error_SLOW {
		t.Fatalf("ended with %v", code)
	}
	if _, err := next(t, a); !errors.Is(err, session.ErrEnded) {
		t.Fatalf("Read = %v, want ErrEnded", err)
	}
}

func TestEndGivesOutTheRestAndTheReason(t *testing.T) {
	s := session.New("s", roomy)
	a := attach(t, s, 0)
	s.Send(text("last words"), "")
	s.End(protocol.Errorf(protocol.Error_SHUTTING_DOWN, "bye"))
	s.End(nil)
	s.Send(text("too late"), "")
	got, err := next(t, a)
	if err != nil || len(got) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if e := got[1].Event.Message().GetError(); e.GetCode() != protocol.Error_SHUTTING_DOWN || !e.GetFatal() {
		t.Fatalf("the reason came as %v", e)
	}
	if _, err := next(t, a); !errors.Is(err, session.ErrEnded) {
		t.Fatalf("Read = %v, want ErrEnded", err)
	}
	if _, err := s.Attach(2); !errors.Is(err, session.ErrEnded) {
		t.Fatalf("Attach with nothing left to read = %v, want ErrEnded", err)
	}
}

// A client that was not there when its session ended can still learn why.
func TestTheLastWordsWaitForTheirReader(t *testing.T) {
	s := session.New("s", roomy)
	s.Send(text("last words"), "")
	s.End(protocol.Errorf(protocol.Error_REMOVED, "out"))
	if !s.Unread() {
		t.Fatal("there is nothing to read")
	}
	a := attach(t, s, 0)
	if got, err := next(t, a); err != nil || len(got) != 2 || got[1].Event.Message().GetError().GetCode() != protocol.Error_REMOVED {
		t.Fatalf("got %v, %v", got, err)
	}
	if _, err := next(t, a); !errors.Is(err, session.ErrEnded) {
		t.Fatalf("then %v, want ErrEnded", err)
	}
	if s.Unread() {
		t.Fatal("it was read")
	}
}

func TestClientNumbersAreTakenOnceAndInOrder(t *testing.T) {
	s := session.New("s", roomy)
	for _, step := range []struct {
		seq   uint64
		fresh bool
		code  protocol.Error_Code
	}{
		{1, true, 0}, {2, true, 0}, {2, false, 0}, {1, false, 0},
		{4, false, protocol.Error_OUT_OF_ORDER}, {3, true, 0}, {4, true, 0},
	} {
		fresh, err := s.Number(step.seq)
		if fresh != step.fresh || err.GetCode() != step.code {
			t.Fatalf("Number(%d) = %v, %v", step.seq, fresh, err)
		}
	}
}

// What a client has not been sent it cannot have handled; forgetting it would
// look as if the client were slow.
func TestOnlyWhatWasReadCanBeAcknowledged(t *testing.T) {
	s := session.New("s", roomy)
	s.Send(text("one"), "")
	if err := s.Ack(1); err.GetCode() != protocol.Error_BAD_FIELD {
		t.Fatalf("nothing was read: Ack(1) = %v", err)
	}
	a := attach(t, s, 0)
	for i, step := range []struct {
		name string
		ack  uint64
		want protocol.Error_Code
	}{
		{"before it is read", 1, protocol.Error_BAD_FIELD},
		{"read", 1, 0},
		{"again", 1, 0},
		{"from the future", 9, protocol.Error_BAD_FIELD},
	} {
		if err := s.Ack(step.ack); err.GetCode() != step.want {
			t.Fatalf("%s: Ack(%d) = %v", step.name, step.ack, err)
		}
		if got, err := next(t, a); err != nil || !slices.Equal(seqs(got), []uint64{uint64(i + 1)}) {
			t.Fatalf("%s: then came %v, %v", step.name, seqs(got), err)
		}
		s.Send(text("more"), "")
	}
	if s.Reason() != nil {
		t.Fatalf("the session ended: %v", s.Reason())
	}
}

// A reason that finds no room in the outbox is not worth a gap in what the
// client reads.
func TestAnEndThatPushesSomethingOutIsAbrupt(t *testing.T) {
	s := session.New("s", session.Bounds{Messages: 2, Bytes: 1 << 20})
	a := attach(t, s, 0)
	s.Send(text("one"), "")
	s.Send(text("two"), "")
	s.End(protocol.Errorf(protocol.Error_SHUTTING_DOWN, "bye"))
	if got, err := next(t, a); len(got) != 0 || !errors.Is(err, session.ErrEnded) {
		t.Fatalf("Read = %v, %v", seqs(got), err)
	}
	if code := s.Reason().GetCode(); code != protocol.Error_SHUTTING_DOWN {
		t.Fatalf("ended with %v", code)
	}
}
