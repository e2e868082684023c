package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestADeliveryIsSignedAndWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		l := open(t, internet{"a.example": s})
		l.Send(event("tea", 1))
		synctest.Wait()
		got := s.got()
		if len(got) != 1 {
			t.Fatalf("%d requests came", len(got))
		}
		h := got[0].Header
		if h.Get("Hiroba-Event-Id") != got[0].ID || len(got[0].ID) < 20 {
			t.Errorf("the id is %q in the header and %q in the body", h.Get("Hiroba-Event-Id"), got[0].ID)
		}
		if h.Get("Content-Type") != "application/json" || h.Get("User-Agent") != "hiroba" {
			t.Errorf("the header is %v", h)
		}
		if want := strconv.FormatInt(time.Now().Unix(), 10); h.Get("Hiroba-Timestamp") != want {
			t.Errorf("the timestamp is %q, want %q", h.Get("Hiroba-Timestamp"), want)
		}
		if !verify(key, h, got[0].Body, time.Now()) {
			t.Error("the signature is wrong")
		}
		l.expect(map[string]int{"deliveries_total accepted": 1, "queue_length": 0, "retries_total": 0})
		if held := l.targets[0].working; held != 0 {
			t.Errorf("%d goroutines stay", held)
		}
	})
}

func TestARoomStaysInOrderThroughRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken []int
		tries := map[string][]received{}
		s := &site{t: t}
		s.answer = func(w http.ResponseWriter, _ *http.Request, got received, number int) {
			tries[got.ID] = append(tries[got.ID], got)
			if number%3 != 0 {
				w.WriteHeader([]int{500, 503, 429, 408}[number%4])
				return
			}
			taken = append(taken, got.Seqs...)
		}
		l := open(t, internet{"a.example": s})
		for seq := range 450 {
			l.Send(event("tea", seq+1))
			if seq%10 == 0 {
				pass(100 * time.Millisecond)
			}
		}
		pass(10 * time.Minute)
		if !slices.Equal(taken, upTo(450)) {
			t.Fatalf("taken were %v", taken)
		}
		for id, same := range tries {
			if len(same) != 3 {
				t.Fatalf("%s was tried %d times", id, len(same))
			}
			if len(same[0].Seqs) > 100 {
				t.Errorf("%d events in one delivery", len(same[0].Seqs))
			}
			for _, again := range same {
				if !bytes.Equal(again.Body, same[0].Body) {
					t.Errorf("%s has changed its body", id)
				}
				seconds, _ := strconv.Atoi(again.Header.Get("Hiroba-Timestamp"))
				if !verify(key, again.Header, again.Body, time.Unix(int64(seconds), 0)) {
					t.Errorf("%s is signed wrongly", id)
				}
			}
			if same[0].Header.Get("Hiroba-Signature") == same[2].Header.Get("Hiroba-Signature") {
				t.Errorf("%s was not signed anew", id)
			}
		}
		l.expect(map[string]int{"deliveries_total accepted": len(tries), "retries_total": 2 * len(tries), "queue_length": 0})
	})
}

func TestRoomsDoNotHoldEachOtherUp(t *testing.T) {
	for name, bad := range map[string]func(http.ResponseWriter, *http.Request, received, int){
		"one fails": status(503), "one hangs": hang,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &site{t: t}
				s.answer = func(w http.ResponseWriter, r *http.Request, got received, number int) {
					if got.Room == "bad" {
						bad(w, r, got, number)
					}
				}
				l := open(t, internet{"a.example": s})
				l.Send(event("bad", 1))
				synctest.Wait()
				for seq := range 20 {
					l.Send(event("bad", seq+2))
					l.Send(event("good", seq+1))
				}
				synctest.Wait() // no time passes
				if got := s.seqs("good"); !slices.Equal(got, upTo(20)) {
					t.Fatalf("the good room got %v", got)
				}
				if got := s.seqs("bad"); !slices.Equal(got, upTo(1)) {
					t.Fatalf("the bad room got %v", got)
				}
			})
		})
	}
}

func TestTargetsDoNotHoldEachOtherUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, slow := &site{t: t}, &site{t: t, answer: hang}
		l := open(t, internet{"good.example": good, "slow.example": slow, "dead.example": nil})
		for room := range 50 {
			for seq := range 300 {
				l.Send(event(fmt.Sprint(room), seq+1))
			}
			synctest.Wait()
		}
		synctest.Wait() // no time passes
		for room := range 50 {
			if got := good.seqs(fmt.Sprint(room)); !slices.Equal(got, upTo(300)) {
				t.Fatalf("room %d got %v", room, got)
			}
		}
		if got := len(slow.got()); got != requestsAtOnce {
			t.Errorf("the slow target has %d requests at once, want %d", got, requestsAtOnce)
		}
		for _, target := range l.targets {
			if target.working > requestsAtOnce {
				t.Errorf("%d goroutines are at work for %s", target.working, target.name)
			}
		}
		l.expect(map[string]int{"events_dropped_total full": 2 * 5000, "queue_length": 2 * 10000})
	})
}

func TestASlowTargetIsCutOffAfterTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		s.answer = func(w http.ResponseWriter, r *http.Request, got received, number int) {
			if number == 1 {
				hang(w, r, got, number)
			}
		}
		l := open(t, internet{"a.example": s})
		l.Send(event("tea", 1))
		pass(requestTimeout - time.Millisecond)
		l.expect(map[string]int{"queue_length": 1, "retries_total": 0})
		pass(2 * time.Second)
		l.expect(map[string]int{"queue_length": 0, "retries_total": 1, "deliveries_total accepted": 1})
	})
}

func TestAnswers(t *testing.T) {
	raw := func(text string) func(http.ResponseWriter, *http.Request, received, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ received, _ int) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, _ = conn.Write([]byte(text))
			_ = conn.Close()
		}
	}
	forever := func(head string, again string) func(http.ResponseWriter, *http.Request, received, int) {
		return func(w http.ResponseWriter, _ *http.Request, _ received, _ int) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			_, err = conn.Write([]byte(head))
			for err == nil && again != "" {
				_, err = conn.Write([]byte(again))
			}
			_, _ = io.Copy(io.Discard, conn) // until the sender closes
			_ = conn.Close()
		}
	}
	redirect := func(w http.ResponseWriter, r *http.Request, _ received, _ int) {
		http.Redirect(w, r, "http://b.example/", http.StatusTemporaryRedirect)
	}
	for _, c := range []struct {
		name    string
		answer  func(http.ResponseWriter, *http.Request, received, int)
		outcome string // within a minute; empty: it is tried again
	}{
		{"200", status(200), outcomeAccepted},
		{"204", status(204), outcomeAccepted},
		{"a huge body", forever("HTTP/1.1 200 OK\r\n\r\n", strings.Repeat("x", 64<<10)), outcomeAccepted},
		{"a body that does not end", forever("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", ""), outcomeAccepted},
		{"404", status(404), outcomeRefused},
		{"410", status(410), outcomeRefused},
		{"a redirect", redirect, outcomeRefused},
		{"another protocol", raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), outcomeRefused},
		{"408", status(408), ""},
		{"429", status(429), ""},
		{"500", status(500), ""},
		{"garbage", raw("\x00\x01\x02 hello\r\n\r\n"), ""},
		{"nothing", raw(""), ""},
		{"half an answer", raw("HTTP/1.1 200"), ""},
		{"a header without end", forever("HTTP/1.1 200 OK\r\n", "X: "+strings.Repeat("x", 1000)+"\r\n"), ""},
		{"a huge header line", forever("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 1000)), ""},
		{"interim answers without end", forever("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, other := &site{t: t, answer: c.answer}, &site{t: t}
				l := open(t, internet{"a.example": s, "b.example": other},
					func(config *Config) { config.URLs = []string{"http://a.example/hook"} })
				l.Send(event("tea", 1))
				pass(time.Minute)
				tries := len(s.got())
				if c.outcome == "" {
					if tries < 2 {
						t.Errorf("it was tried %d times", tries)
					}
					l.expect(map[string]int{"queue_length": 1, "retries_total": tries - 1})
					return
				}
				if tries != 1 {
					t.Errorf("it was tried %d times", tries)
				}
				l.expect(map[string]int{"queue_length": 0, "deliveries_total " + c.outcome: 1})
				if len(other.got()) != 0 {
					t.Error("the redirect was followed")
				}
			})
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		s.answer = func(w http.ResponseWriter, _ *http.Request, _ received, number int) {
			if number == 1 {
				w.Header().Set("Retry-After", "100")
				w.WriteHeader(429)
			}
		}
		l := open(t, internet{"a.example": s})
		l.Send(event("tea", 1))
		pass(99 * time.Second)
		l.expect(map[string]int{"retries_total": 0})
		pass(12 * time.Second)
		l.expect(map[string]int{"retries_total": 1, "deliveries_total accepted": 1})
	})
}

func TestAfterAnHourADeliveryIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var well atomic.Bool
		s := &site{t: t}
		s.answer = func(w http.ResponseWriter, _ *http.Request, _ received, _ int) {
			if !well.Load() {
				w.WriteHeader(500)
				_, _ = w.Write([]byte("out of order"))
			}
		}
		l := open(t, internet{"a.example": s}, func(c *Config) {
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
			c.URLs = []string{"http://a.example/hook?key=hush"}
		})
		l.Send(event("tea", 1))
		l.Send(event("tea", 2))
		pass(50 * time.Minute)
		l.expect(map[string]int{"deliveries_total exhausted": 0, "queue_length": 2})
		pass(3 * time.Hour)
		first := s.got()
		if tries := len(first); tries < 15 || tries > 60 {
			t.Errorf("it was tried %d times", tries)
		}
		l.expect(map[string]int{"events_dropped_total exhausted": 2, "queue_length": 0})

		text := log.String()
		if lines := strings.Count(text, "\n"); lines == 0 || lines > 2 { // 1 and 2 may go apart
			t.Errorf("the log has %d lines: %s", lines, text)
		}
		for _, secret := range []string{"hush", string(key), "Ann", "out of order"} {
			if strings.Contains(text, secret) {
				t.Errorf("the log tells %q: %s", secret, text)
			}
		}
		if !strings.Contains(text, `url=http://a.example/hook id=`) || !strings.Contains(text, `reason="answered 500"`) {
			t.Errorf("the log says %s", text)
		}

		well.Store(true)
		l.Send(event("tea", 3))
		synctest.Wait()
		last := s.got()[len(s.got())-1]
		if last.Dropped != 2 || !slices.Equal(last.Seqs, []int{3}) {
			t.Errorf("after that came %v with %d dropped", last.Seqs, last.Dropped)
		}
	})
}

func TestWhatDoesNotFitIsDroppedOldestFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		release := make(chan struct{})
		s := &site{t: t, answer: func(http.ResponseWriter, *http.Request, received, int) { <-release }}
		l := open(t, internet{"a.example": s}, func(c *Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		l.Send(event("tea", 1))
		synctest.Wait() // on its way
		for seq := range 1200 {
			l.Send(event("tea", seq+2))
		}
		l.expect(map[string]int{"events_dropped_total room_full": 201, "queue_length": 1000})
		close(release)
		synctest.Wait()
		got := s.got()
		if got[1].Dropped != 201 || got[1].Seqs[0] != 203 || got[2].Dropped != 0 {
			t.Errorf("the second delivery begins at %d and tells of %d dropped; the third tells of %d",
				got[1].Seqs[0], got[1].Dropped, got[2].Dropped)
		}
		if seqs := s.seqs("tea"); !slices.Equal(seqs[1:], upTo(1201)[202:]) {
			t.Errorf("came %v", seqs)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("the log has %d lines: %s", lines, &log)
		}
	})
}

func TestAnEventThatCannotBeWrittenStopsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &site{t: t}
		l := open(t, internet{"a.example": s})
		bad := event("tea", 1)
		bad.GetPeerJoined().Name = "\xff"
		l.Send(bad)
		synctest.Wait()
		l.Send(event("tea", 2))
		synctest.Wait()
		got := s.got()
		if len(got) != 2 || got[0].Dropped != 1 || len(got[0].Seqs) != 0 || !slices.Equal(got[1].Seqs, []int{2}) {
			t.Errorf("came %+v", got)
		}
		l.expect(map[string]int{"events_dropped_total unwritable": 1})
	})
}

func TestClose(t *testing.T) {
	closeWithin := func(l *lab) (took time.Duration, unsent int) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		unsent = l.Close(ctx)
		return time.Since(began), unsent
	}
	t.Run("with nothing to do", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, internet{"a.example": &site{t: t}})
			if took, unsent := closeWithin(l); unsent != 0 || took != 0 {
				t.Errorf("%d unsent after %v", unsent, took)
			}
		})
	})
	t.Run("delivers what waits, and takes nothing more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &site{t: t, answer: func(http.ResponseWriter, *http.Request, received, int) { pass(100 * time.Millisecond) }}
			l := open(t, internet{"a.example": s})
			for seq := range 1000 {
				l.Send(event("tea", seq+1))
			}
			if took, unsent := closeWithin(l); unsent != 0 || took > 1100*time.Millisecond {
				t.Errorf("%d unsent after %v", unsent, took)
			}
			l.Send(event("tea", 1001))
			if got := s.seqs("tea"); !slices.Equal(got, upTo(1000)) {
				t.Errorf("came %v", got)
			}
			l.expect(map[string]int{"events_dropped_total closed": 1, "queue_length": 0})
			if _, unsent := closeWithin(l); unsent != 0 {
				t.Errorf("closed twice: %d unsent", unsent)
			}
		})
	})
	t.Run("tries at once what was put off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var well atomic.Bool
			s := &site{t: t}
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ received, _ int) {
				if !well.Load() {
					w.WriteHeader(503)
				}
			}
			l := open(t, internet{"a.example": s})
			l.Send(event("tea", 1))
			pass(10 * time.Minute)
			well.Store(true)
			if took, unsent := closeWithin(l); unsent != 0 || took != 0 {
				t.Errorf("%d unsent after %v", unsent, took)
			}
			l.expect(map[string]int{"deliveries_total accepted": 1})
		})
	})
	for name, tc := range map[string]struct {
		target   func(*testing.T) http.Handler
		why, not string
	}{
		"a dead target":      {func(*testing.T) http.Handler { return nil }, "no answer within 10s", "stop\""},
		"a hanging target":   {func(t *testing.T) http.Handler { return &site{t: t, answer: hang} }, "no answer within 10s", "stop\""},
		"a target that errs": {func(t *testing.T) http.Handler { return &site{t: t, answer: status(500)} }, "answered 500", "within"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				good := &site{t: t}
				var log strings.Builder
				l := open(t, internet{"a.example": tc.target(t), "good.example": good}, func(c *Config) {
					c.Logger = slog.New(slog.NewTextHandler(&log, nil))
				})
				for room := range 20 {
					for seq := range 150 {
						l.Send(event(fmt.Sprint(room), seq+1))
					}
				}
				pass(time.Minute)
				took, unsent := closeWithin(l)
				if unsent != 3000 || took > closeTime {
					t.Errorf("%d unsent after %v", unsent, took)
				}
				last := log.String()[strings.LastIndex(strings.TrimSpace(log.String()), "\n")+1:]
				if !strings.Contains(last, "a.example/hook events=3000") || !strings.Contains(last, tc.why) || strings.Contains(last, tc.not) {
					t.Errorf("logged was %s", last)
				}
				l.expect(map[string]int{"events_dropped_total closed": 3000, "queue_length": 0})
				if got := good.seqs("7"); !slices.Equal(got, upTo(150)) {
					t.Errorf("the good target got %v", got)
				}
				for _, target := range l.targets {
					if target.working != 0 {
						t.Errorf("%d goroutines are at work for %s", target.working, target.name)
					}
				}
			})
		})
	}
	t.Run("what fails is tried again while there is time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &site{t: t}
			s.answer = func(w http.ResponseWriter, _ *http.Request, _ received, number int) {
				if number == 1 {
					w.WriteHeader(503)
				}
			}
			l := open(t, internet{"a.example": s})
			l.Send(event("tea", 1))
			if took, unsent := closeWithin(l); unsent != 0 || took > time.Second {
				t.Errorf("%d unsent after %v", unsent, took)
			}
		})
	})
	t.Run("leaves time to whoever closes it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			l := open(t, internet{"dead.example": nil})
			l.Send(event("tea", 1))
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if unsent := l.Close(ctx); unsent != 1 || time.Since(began) != 750*time.Millisecond {
				t.Errorf("%d unsent after %v", unsent, time.Since(began))
			}
		})
	})
}

// What Send costs the room that calls it, when the target is dead and every
// event pushes out another.
func BenchmarkSend(b *testing.B) {
	s, err := newSender(Config{
		URLs: []string{"http://dead.example/"}, Secret: key, Logger: quiet, Registerer: prometheus.NewRegistry(),
	}, func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	if err != nil {
		b.Fatal(err)
	}
	e := event("tea", 1)
	b.ReportAllocs()
	for b.Loop() {
		s.Send(e)
	}
	ctx, cancel := context.WithCancel(b.Context())
	cancel()
	_ = s.Close(ctx)
}
