package http

import (
	"fmt"
	nethttp "net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func TestASessionIsOpenedByARequest(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		response, body := l.ask("POST", "/v1/signal", "")
		message := &protocol.ServerMessage{}
		if err := protocol.JSON.Unmarshal(body, message); err != nil {
			t.Fatal(err)
		}
		welcome := message.GetWelcome()
		if response.StatusCode != 201 || response.Header.Get("Location") != "/v1/signal/"+welcome.GetSession() ||
			response.Header.Get("Content-Type") != "application/json" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s %v", response.Status, response.Header)
		}
		if welcome.GetSession() == "" || welcome.GetResume() == "" || welcome.GetResumed() || message.GetSeq() != 0 ||
			welcome.GetIceServers()[0].GetUrls()[0] != "stun:hiroba.example" {
			t.Errorf("welcomed by %v", message)
		}
	})
}

func TestAPlainPoll(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.open(), l.enter()
		ann.say(`"id":"j","join":{"room":"tea"}`)
		first := ann.poll("0")
		if len(first) != 2 || first[0].GetWelcome() == nil || first[0].GetWelcome().GetReceived() != 1 || first[1].GetSeq() != 1 || first[1].GetRe() != "j" {
			t.Fatalf("the first poll told %v", first)
		}
		if nothing := ann.poll(""); len(nothing) != 0 {
			t.Fatalf("the second poll told %v", nothing)
		}
		bob.say(`"message":{"text":"hi"}`)
		path := fmt.Sprintf("%s?after=%d&wait=0", ann.path, ann.after)
		response, body := ann.ask("GET", path, "", ann.with()...)
		if got := texts(ann.told(body)); !slices.Equal(got, []string{"hi"}) {
			t.Fatalf("was told %q", got)
		}
		tag := response.Header.Get("ETag")
		for _, path := range []string{path, fmt.Sprintf("%s?after=%d", ann.path, ann.after)} {
			for _, known := range []string{tag, "W/" + tag, `"other", ` + tag} {
				response, body := ann.ask("GET", path, "", ann.with("If-None-Match", known)...)
				if response.StatusCode != nethttp.StatusNotModified || len(body) > 0 || response.Header.Get("ETag") != tag {
					t.Fatalf("%s with %s: %s %v %s", path, known, response.Status, response.Header, body)
				}
			}
		}
		bob.say(`"message":{"text":"news"}`)
		if got := texts(ann.poll("0", "If-None-Match", tag)); !slices.Equal(got, []string{"news"}) {
			t.Fatalf("was told %q", got)
		}
		// A welcome is never passed over: there is a new token in it.
		ann.stream().stop()
		synctest.Wait()
		tag = fmt.Sprintf(`"%s-%d"`, ann.id, ann.after)
		if got := ann.poll("0", "If-None-Match", tag); len(got) != 1 || !got[0].GetWelcome().GetResumed() {
			t.Fatalf("coming back was answered %v", got)
		}
	})
}

func TestALongPollIsAnsweredWhenSomethingComes(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		ann.poll("") // of Bob's coming
		answer := ann.pollLater("25s")
		begin := time.Now()
		pass(7 * time.Second)
		bob.say(`"message":{"text":"one"}`, `"message":{"text":"two"}`)
		got := ann.told((<-answer).body)
		for len(texts(got)) < 2 { // the first may have come before the second was said
			got = append(got, ann.poll("25")...)
		}
		if !slices.Equal(texts(got), []string{"one", "two"}) || time.Since(begin) != 7*time.Second {
			t.Fatalf("after %v it was told %v", time.Since(begin), got)
		}
	})
}

func TestHowLongAPollWaits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "0s": 0, "7": 7 * time.Second, "1500ms": 1500 * time.Millisecond, "25s": 25 * time.Second,
		"26": 25 * time.Second, "1h": 25 * time.Second, "18446744073709551615": 25 * time.Second, "99999h": 25 * time.Second,
		"-1s": -1, "-1": -1, "25 s": -1, "NaN": -1, "99999999999999999999": -1, "1e3": -1, "forever": -1,
	} {
		got, ok := parseWait(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("wait=%s: %v, %v", text, got, ok)
		}
	}
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.enter()
		for wait, want := range map[string]time.Duration{"0": 0, "9s": 9 * time.Second, "1h": 25 * time.Second} {
			begin := time.Now()
			if got := ann.poll(wait); len(got) != 0 || time.Since(begin) != want {
				t.Errorf("wait=%s took %v and told %v", wait, time.Since(begin), got)
			}
		}
	})
}

// What after says is handled need not be kept.
func TestAPollAcknowledges(t *testing.T) {
	inLab(t, func(c *signaling.Config) { c.Limits.Outbox.Messages = 4 }, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		ann.poll("")
		for i := range 20 { // far more than is kept
			bob.say(fmt.Sprintf(`"message":{"text":"%d"}`, i))
			if got := texts(ann.poll("")); !slices.Equal(got, []string{fmt.Sprint(i)}) {
				t.Fatalf("message %d came as %q", i, got)
			}
		}
		ann.after = 1
		if got := ann.poll(""); len(got) != 1 || !got[0].GetJoined().GetSnapshot() {
			t.Fatalf("what is long forgotten was told as %v", got)
		}
	})
}

func TestOneAnswerHoldsSoMuch(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		ann.poll("")
		const n, size = 16, 64<<10 - 300
		for i := range n {
			bob.say(fmt.Sprintf(`"message":{"text":"%02d%s"}`, i, strings.Repeat("x", size)))
		}
		var got []string
		for polls := 0; len(got) < n; polls++ {
			told := texts(ann.poll("5"))
			if len(told) == 0 || len(told)*size > pollBytes || polls > 2 {
				t.Fatalf("poll %d told %d messages", polls, len(told))
			}
			got = append(got, told...)
		}
		for i, text := range got {
			if len(text) != size+2 || text[:2] != fmt.Sprintf("%02d", i) {
				t.Fatalf("message %d is %.10q", i, text)
			}
		}
	})
}

// Somebody who looks in every 20 seconds is there; who does not come for a
// minute has left.
func TestASessionThatIsPolledLives(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann, bob := l.enter(), l.enter()
		for range 15 {
			pass(20 * time.Second)
			ann.poll("0")
			bob.poll("0")
		}
		bob.poll("0")
		pass(59 * time.Second)
		bob.poll("0")
		var left *protocol.PeerLeft
		for range 2 {
			pass(2 * time.Second)
			for _, message := range bob.poll("0") {
				left = message.GetPeerLeft()
			}
		}
		if left.GetPeer() != ann.peer || left.GetReason() != protocol.PeerLeft_LOST {
			t.Fatalf("others were told %v", left)
		}
		response, body := ann.ask("GET", ann.path, "", ann.with()...)
		l.refused("a poll too late", 410, protocol.Error_NO_SUCH_SESSION, response, body)
	})
}

// Why a session has ended is kept for who asks only now and then.
func TestTheLastWordsAreKept(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.enter()
		ann.say(`"id":"bye","leave":{}`)
		synctest.Wait()
		pass(20 * time.Second)
		if got := ann.poll("0"); len(got) != 1 || got[0].GetRe() != "bye" || got[0].GetDone() == nil {
			t.Fatalf("was told %v", got)
		}
		response, body := ann.ask("GET", fmt.Sprintf("%s?after=%d&wait=25", ann.path, ann.after), "", ann.with()...)
		l.refused("when all was told", 410, protocol.Error_NO_SUCH_SESSION, response, body)
	})
}

// Who has lost track asks for a welcome.
func TestAFreshPoll(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.enter()
		before := ann.resume
		if got := ann.poll("0&fresh=1"); len(got) != 1 || !got[0].GetWelcome().GetResumed() || ann.resume == before {
			t.Fatalf("was told %v", got)
		}
	})
}

// A poll whose answer was lost is asked again with the token of before.
func TestALostAnswerLosesNothing(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.open()
		ann.say(`"id":"j","join":{"room":"tea"}`)
		before := *ann
		ann.poll("0") // never arrives
		again := before
		if got := again.poll("0"); len(got) != 2 || got[0].GetWelcome() == nil || got[1].GetJoined() == nil {
			t.Fatalf("was told %v", got)
		}
		if again.resume == ann.resume {
			t.Error("the token that was lost is given out again")
		}
	})
}
