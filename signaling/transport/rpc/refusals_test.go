package rpc_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/hiroba-rtc/hiroba/signaling"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// locked is a server that wants tokens.
func locked(t *testing.T) func(*signaling.Config) {
	keys, err := auth.ParseKeys("one=" + strings.Repeat("k", 32))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *signaling.Config) { c.Keys, c.Anonymous = keys, 0 }
}

// token is an access token for the room "tea".
func (l *lab) token(user string, ttl time.Duration) string {
	l.t.Helper()
	return l.tokenOf(time.Now(), user, ttl)
}

func (l *lab) tokenOf(when time.Time, user string, ttl time.Duration) string {
	l.t.Helper()
	signer, err := l.keys.Signer("")
	if err != nil {
		l.t.Fatal(err)
	}
	token, err := signer.Token(auth.Access{User: user, Room: "tea", Grants: auth.DefaultGrants}, when, ttl)
	if err != nil {
		l.t.Fatal(err)
	}
	return token
}

// A token opens a session in either way; one that comes later opens a stream
// that goes both ways.
func TestTokensLetIn(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			inLab(t, locked(t), func(t *testing.T, l *lab) {
				ann := l.come(w, place{access: l.token("ann", time.Hour)})
				ann.welcome()
				ann.ask(&protocol.ClientMessage{Body: join})
				if w.halves {
					_, err := l.come(w, place{}).ends()
					refused(t, err, connect.CodeUnauthenticated, protocol.Error_ACCESS_REQUIRED)
					return
				}
				bob := l.come(w, place{})
				bob.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Authenticate{
					Authenticate: &protocol.Authenticate{Token: l.token("bob", time.Hour)},
				}})
				bob.welcome()
				bob.ask(&protocol.ClientMessage{Body: join})

				eve := l.come(w, place{})
				eve.say(&protocol.ClientMessage{Body: join})
				if last, err := eve.ends(); last.GetCode() != protocol.Error_ACCESS_REQUIRED || !isOver(err) {
					t.Fatalf("without a token it ended with %v, %v", last, err)
				}
			})
		})
	}
}

// Access that ends, ends the session; a fresh token on the way back keeps it.
func TestAccessEnds(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			inLab(t, func(c *signaling.Config) {
				locked(t)(c)
				c.Heartbeat = time.Hour
			}, func(t *testing.T, l *lab) {
				ann := l.come(w, place{access: l.token("ann", 2*time.Minute)})
				ann.welcome()
				ann.ask(&protocol.ClientMessage{Body: join})
				for ann.next().GetAccessExpiring() == nil {
					continue
				}
				back := ann.back()
				back.access = l.token("ann", 3*time.Minute)
				ann = l.come(w, back)
				ann.welcome()
				time.Sleep(2 * time.Minute) // the first token is over
				if last, err := ann.ends(); last.GetCode() != protocol.Error_ACCESS_EXPIRED || !isOver(err) {
					t.Fatalf("the stream ended with %v, %v", last, err)
				}
			})
		})
	}
}

// Whoever comes with the wrong thing is told so, before there is a stream.
func TestWrongTokensAreRefused(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			inLab(t, locked(t), func(t *testing.T, l *lab) {
				ann := l.come(w, place{access: l.token("ann", time.Hour)})
				ann.welcome()
				used := ann.resume
				ann.ask(&protocol.ClientMessage{Body: join})
				ann = l.come(w, ann.back())
				ann.welcome()
				ann.seq = 1
				ann.ask(text("here")) // with the new token
				expired := l.tokenOf(time.Now().Add(-2*time.Hour), "ann", time.Hour)
				bob := l.come(w, place{access: l.token("bob", time.Hour)})
				bob.welcome()
				over := l.come(w, place{access: l.token("over", time.Hour)})
				over.welcome()
				over.ask(&protocol.ClientMessage{Body: join})
				over.say(&protocol.ClientMessage{Body: &protocol.ClientMessage_Leave{Leave: &protocol.Leave{}}})
				if _, err := over.ends(); !isOver(err) {
					t.Fatal(err)
				}

				for _, tc := range []struct {
					name   string
					place  place
					status connect.Code
					code   protocol.Error_Code
				}{
					{"no access token", place{access: "nonsense"}, connect.CodePermissionDenied, protocol.Error_ACCESS_DENIED},
					{"an expired access token", place{access: expired}, connect.CodeUnauthenticated, protocol.Error_ACCESS_EXPIRED},
					{"a resume token to open", place{access: ann.resume}, connect.CodePermissionDenied, protocol.Error_ACCESS_DENIED},
					{"an access token to resume", place{session: ann.session, resume: l.token("ann", time.Hour)}, connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION},
					{"no resume token", place{session: ann.session}, connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION},
					{"a used resume token", place{session: ann.session, resume: used}, connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION},
					{"another's resume token", place{session: ann.session, resume: bob.resume}, connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION},
					{"an unknown session", place{session: "nowhere", resume: ann.resume}, connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION},
					{"a session that has ended", over.back(), connect.CodeNotFound, protocol.Error_NO_SUCH_SESSION},
					{"a number from the future", place{session: ann.session, resume: ann.resume, after: 1 << 40}, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD},
					{"another's access on the way back", place{session: ann.session, resume: ann.resume, access: l.token("bob", time.Hour)}, connect.CodePermissionDenied, protocol.Error_ACCESS_DENIED},
					{"expired access on the way back", place{session: ann.session, resume: ann.resume, access: expired}, connect.CodeUnauthenticated, protocol.Error_ACCESS_EXPIRED},
				} {
					before := l.refusals(tc.code)
					_, err := l.come(w, tc.place).ends()
					if err == nil || connect.CodeOf(err) != tc.status || reason(err).GetCode() != tc.code {
						t.Errorf("%s: %v (%v)", tc.name, err, reason(err).GetCode())
					}
					if got := l.refusals(tc.code); got != before+1 {
						t.Errorf("%s: counted %v times", tc.name, got-before)
					}
					if !w.halves || tc.place.session == "" || tc.code == protocol.Error_BAD_FIELD {
						continue
					}
					r := connect.NewRequest(&protocol.SendRequest{Session: tc.place.session, Messages: []*protocol.ClientMessage{text("I am Ann")}})
					tc.place.head(r.Header())
					if _, err = ann.service.Send(context.Background(), r); connect.CodeOf(err) != tc.status || reason(err).GetCode() != tc.code {
						t.Errorf("%s, to send: %v (%v)", tc.name, err, reason(err).GetCode())
					}
				}
				// All of this has not cost Ann her session.
				ann.ask(text("still here"))
			})
		})
	}
}

func TestABadNumberInTheMetadata(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		ann := l.enter(viaGRPC)
		stream := ann.service.Connect(t.Context())
		ann.back().head(stream.RequestHeader())
		stream.RequestHeader().Set("Hiroba-Session", ann.session)
		stream.RequestHeader().Set("Hiroba-After", "-1")
		if err := stream.Send(nil); err != nil {
			t.Fatal(err)
		}
		_, err := stream.Receive()
		refused(t, err, connect.CodeInvalidArgument, protocol.Error_BAD_FIELD)
		ann.ask(text("still here"))
	})
}

// bytesOnly is a codec for a client that says anything at all.
type bytesOnly struct{}

func (bytesOnly) Name() string { return "proto" }
func (bytesOnly) Marshal(m any) ([]byte, error) {
	return *m.(*[]byte), nil
}
func (bytesOnly) Unmarshal(data []byte, m any) error { return proto.Unmarshal(data, m.(proto.Message)) }

// A message that cannot be carried out is answered, and the stream goes on.
func TestBadMessagesAreAnswered(t *testing.T) {
	encode := func(m *protocol.ClientMessage) []byte {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	long := strings.Repeat("x", 70<<10)
	for _, tc := range []struct {
		name string
		say  []byte
		want protocol.Error_Code
	}{
		{"no protobuf", []byte("\xffhello"), protocol.Error_MALFORMED},
		{"text that is no UTF-8", append(encode(&protocol.ClientMessage{Seq: 2}), "\x1a\x01\xff"...), protocol.Error_MALFORMED},
		{"nothing", nil, protocol.Error_MALFORMED},
		{"no number", encode(text("x")), protocol.Error_MALFORMED},
		{"no body", encode(&protocol.ClientMessage{Seq: 2}), protocol.Error_MALFORMED},
		{"a number too far", encode(&protocol.ClientMessage{Seq: 9, Body: text("x").Body}), protocol.Error_OUT_OF_ORDER},
		{"an ack of the future", encode(&protocol.ClientMessage{Seq: 2, Ack: 99, Body: text("x").Body}), protocol.Error_BAD_FIELD},
		{"too large for its kind", encode(&protocol.ClientMessage{Seq: 2, Body: text(long).Body}), protocol.Error_MESSAGE_TOO_LARGE},
		{"unknown fields too large", append(encode(&protocol.ClientMessage{Seq: 2, Body: text("x").Body}), encode(&protocol.ClientMessage{Id: long})...), protocol.Error_MESSAGE_TOO_LARGE},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inLab(t, nil, func(t *testing.T, l *lab) {
				stream := connect.NewClient[[]byte, protocol.ServerMessage](l.http2, base+protocolconnect.SignalServiceConnectProcedure,
					connect.WithGRPC(), connect.WithCodec(bytesOnly{})).CallBidiStream(t.Context())
				defer stream.CloseResponse()
				first, ping := encode(&protocol.ClientMessage{Seq: 1, Body: join}), encode(&protocol.ClientMessage{Id: "end", Body: &protocol.ClientMessage_Ping{Ping: &protocol.Ping{}}})
				for _, data := range [][]byte{first, tc.say, ping} {
					if err := stream.Send(&data); err != nil {
						t.Fatal(err)
					}
				}
				var got []protocol.Error_Code
				for {
					m, err := stream.Receive()
					if err != nil {
						t.Fatal(err)
					}
					if m.GetError() != nil {
						got = append(got, m.GetError().GetCode())
					}
					if m.GetRe() == "end" {
						break
					}
				}
				if len(got) != 1 || got[0] != tc.want || l.refusals(tc.want) != 1 {
					t.Fatalf("answered %v, counted %v", got, l.refusals(tc.want))
				}
			})
		})
	}
}

// endless is a body without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	e.read += len(p)
	return len(p), nil
}

func deflated(size int) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.CopyN(w, &endless{}, int64(size))
	_ = w.Close()
	return out.Bytes()
}

// Requests that are no calls, or too much of one.
func TestBadRequests(t *testing.T) {
	envelope := func(flags byte, size int, body []byte) []byte {
		return append([]byte{flags, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}, body...)
	}
	bomb := deflated(4 << 20)
	const connectPath, attachPath, sendPath = protocolconnect.SignalServiceConnectProcedure, protocolconnect.SignalServiceAttachProcedure, protocolconnect.SignalServiceSendProcedure
	for _, tc := range []struct {
		name   string
		method string
		path   string
		header string // name: value, …
		body   io.Reader
		status int
		// says is what the answer or its trailers contain.
		says string
	}{
		{"an unknown method", "POST", rpcPath + "Dance", "", nil, 404, ""},
		{"GET", "GET", sendPath, "", nil, 405, ""},
		{"no type", "POST", sendPath, "", nil, 415, ""},
		{"a foreign type", "POST", sendPath, "Content-Type: text/plain", nil, 415, ""},
		{"an unknown compression", "POST", sendPath, "Content-Type: application/json, Content-Encoding: snappy", nil, 501, "unimplemented"},
		{"no JSON", "POST", sendPath, "Content-Type: application/json", strings.NewReader("hello"), 400, "MALFORMED"},
		{"JSON for somebody else", "POST", sendPath, "Content-Type: application/json", strings.NewReader(`{"session":7}`), 400, "MALFORMED"},
		{"JSON without an end", "POST", sendPath, "Content-Type: application/json", strings.NewReader(strings.Repeat(`{"messages":[`, 10_000)), 400, "MALFORMED"},
		{"no session", "POST", sendPath, "Content-Type: application/json", strings.NewReader(`{}`), 404, "NO_SUCH_SESSION"},
		{"a body too large", "POST", sendPath, "Content-Type: application/json", io.LimitReader(&endless{}, 1<<20), 429, "resource_exhausted"},
		{"a body without an end", "POST", sendPath, "Content-Type: application/json", &endless{}, 429, "resource_exhausted"},
		{"a bomb", "POST", sendPath, "Content-Type: application/json, Content-Encoding: gzip", bytes.NewReader(bomb), 429, "resource_exhausted"},
		{"no gzip", "POST", sendPath, "Content-Type: application/json, Content-Encoding: gzip", strings.NewReader("hello"), 400, "invalid_argument"},
		{"half an envelope", "POST", attachPath, "Content-Type: application/connect+proto", strings.NewReader("\x00\x00"), 200, "error"},
		{"an envelope that promises too much", "POST", attachPath, "Content-Type: application/connect+proto", io.MultiReader(bytes.NewReader(envelope(0, 1<<31, nil)), &endless{}), 200, "resource_exhausted"},
		{"an envelope with a bomb", "POST", attachPath, "Content-Type: application/connect+proto, Connect-Content-Encoding: gzip", bytes.NewReader(envelope(1, len(bomb), bomb)), 200, "resource_exhausted"},
		{"two messages where one belongs", "POST", attachPath, "Content-Type: application/grpc-web+proto", bytes.NewReader(append(envelope(0, 0, nil), envelope(0, 0, nil)...)), 200, ""},
		{"a number that is none", "POST", attachPath, "Content-Type: application/connect+json", bytes.NewReader(envelope(0, 14, []byte(`{"after":"-1"}`))), 200, "MALFORMED"},
	} {
		for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
			if _, isEndless := tc.body.(*endless); isEndless {
				tc.body = &endless{}
			} else if seeker, ok := tc.body.(io.Seeker); ok {
				_, _ = seeker.Seek(0, io.SeekStart)
			} else if tc.body != nil && version == "HTTP/2" {
				continue // read once
			}
			t.Run(tc.name+" over "+version, func(t *testing.T) {
				inLab(t, nil, func(t *testing.T, l *lab) {
					client := l.http1
					if version == "HTTP/2" {
						client = l.http2
					}
					status, says := do(t, client, tc.method, tc.path, tc.header, tc.body)
					if status != tc.status || !strings.Contains(says, tc.says) {
						t.Fatalf("answered %d %.300q, want %d and %s", status, says, tc.status, tc.says)
					}
				})
			})
		}
	}
	t.Run("a stream both ways over HTTP/1.1", func(t *testing.T) {
		inLab(t, nil, func(t *testing.T, l *lab) {
			if status, says := do(t, l.http1, "POST", connectPath, "Content-Type: application/grpc", nil); status != 505 {
				t.Fatalf("answered %d %q", status, says)
			}
		})
	})
}

const rpcPath = "/" + protocolconnect.SignalServiceName + "/"

// do makes a request by hand. Error details are put in words.
func do(t *testing.T, client *http.Client, method, path, header string, body io.Reader) (status int, says string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for field := range strings.SplitSeq(header, ", ") {
		if name, value, ok := strings.Cut(field, ": "); ok {
			r.Header.Set(name, value)
		}
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data) + fmt.Sprint(response.Trailer)
}

// What is too large on a stream ends the session, at once and with words.
func TestAStreamThatSaysTooMuch(t *testing.T) {
	for _, tc := range []struct {
		name string
		body func() io.Reader
	}{
		{"an envelope that promises gigabytes", func() io.Reader {
			return io.MultiReader(strings.NewReader("\x00\xff\xff\xff\xff"), &endless{})
		}},
		{"a bomb", func() io.Reader {
			bomb := deflated(4 << 20)
			return bytes.NewReader(append([]byte{1, byte(len(bomb) >> 24), byte(len(bomb) >> 16), byte(len(bomb) >> 8), byte(len(bomb))}, bomb...))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			inLab(t, nil, func(t *testing.T, l *lab) {
				start := time.Now()
				_, says := do(t, l.http2, "POST", protocolconnect.SignalServiceConnectProcedure,
					"Content-Type: application/grpc+json, Grpc-Encoding: gzip", tc.body())
				if !strings.Contains(says, `"MESSAGE_TOO_LARGE"`) || !strings.Contains(says, "Grpc-Status:[0]") {
					t.Fatalf("answered %.500q", says)
				}
				if took := time.Since(start); took != 0 || l.refusals(protocol.Error_MESSAGE_TOO_LARGE) != 1 {
					t.Fatalf("it took %v and was counted %v times", took, l.refusals(protocol.Error_MESSAGE_TOO_LARGE))
				}
			})
		})
	}
}

func TestAFloodEndsTheSession(t *testing.T) {
	inEveryWay(t, func(c *signaling.Config) { c.Limits.MessagesPerSecond = 20 }, func(t *testing.T, l *lab, w way) {
		ann := l.enter(w)
		for range 200 { // the end may come first
			ann.seq++
			if ann.put(&protocol.ClientMessage{Seq: ann.seq, Body: text("x").Body}) != nil {
				break
			}
		}
		if last, err := ann.ends(); last.GetCode() != protocol.Error_TOO_MANY_MESSAGES || !isOver(err) {
			t.Fatalf("the stream ended with %v, %v", last, err)
		}
	})
}

// trickle is a body that takes its time.
type trickle struct{ every time.Duration }

func (s trickle) Read(p []byte) (int, error) {
	time.Sleep(s.every)
	p[0] = ' '
	return 1, nil
}

// A request that comes in drops is not waited for.
func TestASlowRequestIsGivenUp(t *testing.T) {
	for _, path := range []string{protocolconnect.SignalServiceAttachProcedure, protocolconnect.SignalServiceSendProcedure} {
		for _, version := range []string{"HTTP/1.1", "HTTP/2"} {
			t.Run(path+" over "+version, func(t *testing.T) {
				inLab(t, nil, func(t *testing.T, l *lab) {
					client, start := l.http1, time.Now()
					if version == "HTTP/2" {
						client = l.http2
					}
					r, err := http.NewRequestWithContext(t.Context(), "POST", base+path, trickle{time.Second})
					if err != nil {
						t.Fatal(err)
					}
					r.Header.Set("Content-Type", "application/grpc-web+json")
					if response, err := client.Do(r); err == nil {
						_, err = io.Copy(io.Discard, response.Body)
						_ = response.Body.Close()
						if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, os.ErrDeadlineExceeded) {
							t.Log(err)
						}
					}
					if took := time.Since(start); took > 12*time.Second {
						t.Fatalf("it took %v", took)
					}
				})
			})
		}
	}
}

// A stream on which nothing is said is not waited for either.
func TestAnIdleStreamIsGivenUp(t *testing.T) {
	inLab(t, nil, func(t *testing.T, l *lab) {
		start := time.Now()
		last, err := l.come(viaGRPC, place{}).ends()
		if took := time.Since(start); took > l.service.SilenceAfter() || last == nil && reason(err) == nil {
			t.Fatalf("after %v it ended with %v, %v", took, last, err)
		}
	})
}
