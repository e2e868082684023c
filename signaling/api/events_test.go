package api_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/room"
)

// feed asks for a room's events; header are pairs.
func (l *lab) feed(path string, header ...string) *http.Response {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://hiroba.test"+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer, err := l.http.Do(request)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { cancel(); _ = answer.Body.Close() })
	return answer
}

// block reads one event or comment: its lines up to an empty one.
func block(t *testing.T, r *bufio.Reader) (lines []string) {
	t.Helper()
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", lines, err)
		}
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			return lines
		}
		lines = append(lines, line)
	}
}

func TestEventsAsSSE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		token := "Bearer " + l.sign(auth.Access{Room: "tea", Grants: auth.AllGrants}, 2*time.Minute)
		answer := l.feed("/v1/rooms/tea/events", "Authorization", token)
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
		} {
			if got := answer.Header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		r := bufio.NewReader(answer.Body)
		if got := block(t, r); got[0] != ": here" {
			t.Errorf("it begins with %q", got)
		}
		first := block(t, r)
		snapshot := decoded(t, first[1]).GetSnapshot()
		if !snapshot.GetExists() || first[0] != fmt.Sprint("id: ", snapshot.GetSeq()) {
			t.Fatalf("it begins with %q", first)
		}
		bob := l.enter("tea", room.Identity{Name: "Bob"})
		joined := block(t, r)
		if e := decoded(t, joined[1]); e.GetPeerJoined().GetName() != "Bob" || joined[0] != fmt.Sprint("id: ", e.GetSeq()) || e.GetSeq() != snapshot.GetSeq()+1 {
			t.Errorf("then came %q", joined)
		}
		began := time.Now()
		if got := block(t, r); got[0] != ": ping" || time.Since(began) != 15*time.Second {
			t.Errorf("%q came after %v", got, time.Since(began))
		}
		bob.room.Leave(bob.Peer, protocol.PeerLeft_LEFT)
		// Coming back, in either way; the header is the newer one.
		id := strings.TrimPrefix(joined[0], "id: ")
		for _, back := range []*http.Response{
			l.feed("/v1/rooms/tea/events?after="+id, "Authorization", token),
			l.feed("/v1/rooms/tea/events?after=1", "Authorization", token, "Last-Event-ID", id),
		} {
			r := bufio.NewReader(back.Body)
			block(t, r)
			if got := block(t, r); decoded(t, got[1]).GetPeerLeft().GetPeer() != bob.ID() {
				t.Errorf("on coming back came %q", got)
			}
		}
		// The end of the token.
		var last []string
		for last = block(t, r); last[0] != "event: end"; last = block(t, r) {
		}
		end := &protocol.ServerMessage{}
		if err := protocol.JSON.Unmarshal([]byte(strings.TrimPrefix(last[1], "data: ")), end); err != nil || end.GetError().GetCode() != protocol.Error_ACCESS_EXPIRED {
			t.Errorf("it ended with %q", last)
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
		if n := l.counted("events", "unauthenticated"); n != 1 {
			t.Errorf("%v ended so", n)
		}
	})
}

func TestEventsAreRefused(t *testing.T) {
	l := newLab(t, nil)
	admin := "Bearer " + l.token("tea", protocol.Grant_ADMIN)
	for _, tc := range []struct {
		name, path string
		header     []string
		status     int
		reason     protocol.Error_Code
	}{
		{"no token", "/v1/rooms/tea/events", nil, 401, protocol.Error_ACCESS_REQUIRED},
		{"a token in the query", "/v1/rooms/tea/events?token=" + l.token("tea", protocol.Grant_ADMIN), nil, 401, protocol.Error_ACCESS_REQUIRED},
		{"no token at all", "/v1/rooms/tea/events", []string{"Authorization", "Bearer x"}, 403, protocol.Error_ACCESS_DENIED},
		{"a token for another room", "/v1/rooms/coffee/events", []string{"Authorization", admin}, 403, protocol.Error_ACCESS_DENIED},
		{"a token without admin", "/v1/rooms/tea/events", []string{"Authorization", "Bearer " + l.token("tea", protocol.Grant_DATA)}, 403, protocol.Error_NOT_GRANTED},
		{"a bad name", "/v1/rooms/a%2Fb/events", []string{"Authorization", admin}, 400, protocol.Error_BAD_ROOM_NAME},
		{"a bad number", "/v1/rooms/tea/events?after=x", []string{"Authorization", admin}, 400, protocol.Error_BAD_FIELD},
		{"a bad last id", "/v1/rooms/tea/events", []string{"Authorization", admin, "Last-Event-ID", "-1"}, 400, protocol.Error_BAD_FIELD},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer := l.feed(tc.path, tc.header...)
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			said := &protocol.ServerMessage{}
			if err := protocol.JSON.Unmarshal(body, said); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != tc.status || said.GetError().GetCode() != tc.reason {
				t.Errorf("it was answered %d and %v", answer.StatusCode, said)
			}
		})
	}
}

// A server that stops tells who reads, waits for nobody who does not, and
// refuses the rest.
func TestEventsEndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, nil)
		token := "Bearer " + l.token("tea", protocol.Grant_ADMIN)
		reads := l.feed("/v1/rooms/tea/events", "Authorization", token)
		l.feed("/v1/rooms/tea/events", "Authorization", token) // never read
		synctest.Wait()
		done := make(chan error)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			done <- l.api.Close(ctx)
		}()
		text, err := io.ReadAll(reads.Body)
		if err != nil || !strings.Contains(string(text), "event: end\ndata: ") || !strings.Contains(string(text), "SHUTTING_DOWN") {
			t.Errorf("the reader was told %q, %v", text, err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if late := l.feed("/v1/rooms/tea/events", "Authorization", token); late.StatusCode != http.StatusServiceUnavailable || late.Header.Get("Retry-After") == "" {
			t.Errorf("a late one was answered %d", late.StatusCode)
		}
	})
}
