package main

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// nonsense is JSON that is none, or none to be had.
var nonsense = []struct {
	name, text string
}{
	{"nothing but a word", `hello`},
	{"what breaks off", `{"x":"`},
	{"the wrong type", `[]`},
	{"deep nesting", `{"x":` + strings.Repeat("[", 60<<10)},
	{"deep nesting that ends", `{"x":` + strings.Repeat("[", 20<<10) + strings.Repeat("]", 20<<10) + `}`},
	{"deep objects", strings.Repeat(`{"x":`, 10_900) + "1" + strings.Repeat("}", 10_900)},
	{"no UTF-8", "{\"x\":\"\xff\xfe\"}"},
	{"no UTF-8 in a name", "{\"\xff\":1}"},
	{"half a surrogate", `{"x":"\ud800"}`},
	{"UTF-16", "\xfe\xff\x00{\x00}"},
	{"a zero byte", "\x00{\"x\":1}"},
	{"a number without an end", `{"seq":1e999999999,"room":1e999999999,"session":1e999999999}`},
	{"a field twice", `{"seq":"1","seq":"2","room":"a","room":"b","session":"a","session":"b"}`},
}

// Whatever a decoder is given, it is answered and counted, and neither its
// session nor anybody else's is harmed.
func TestNonsenseForEveryDecoder(t *testing.T) {
	_, url := runServer(t, generous)
	bystander := openByRequest(t, url, "").join()
	var envelope = func(text string) string {
		return string(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(text)))) + text
	}
	// post sends a body to a service, and says how it was answered.
	post := func(path, kind, body string) (status int, answer string) {
		response, data := (&poller{t: t, url: url + path}).ask("POST", "", body, "Content-Type", kind)
		return response.StatusCode, string(data)
	}
	const send, attach, getRoom, watch, publish = "/hiroba.v1.SignalService/Send", "/hiroba.v1.SignalService/Attach",
		"/hiroba.v1.RoomService/GetRoom", "/hiroba.v1.RoomService/WatchRoom", "/hiroba.v1.RoomService/PublishData"

	decoders := []struct {
		name string
		// try gives the decoder a text, and returns what it is refused with.
		try    func(t *testing.T, text string) (code string)
		series string
	}{
		{"a WebSocket", func(t *testing.T, text string) string {
			r := dialRaw(t, url)
			r.say(joinTea)
			r.next()
			r.say(text)
			code := r.next().GetError().GetCode()
			r.say(`{"seq":"2","leave":{}}`)
			r.closes()
			return code.String()
		}, `hiroba_signaling_refusals_total{code="MALFORMED"}`},
		{"a POST", func(t *testing.T, text string) string {
			p := openByRequest(t, url, "").join()
			p.poll("0")
			if response, body := p.ask("POST", "", text); response.StatusCode != http.StatusOK || !strings.Contains(string(body), `"received":"1"`) {
				t.Errorf("answered %s %s", response.Status, body)
			}
			code := p.poll("25s")[0].GetError().GetCode()
			p.say(`"leave":{}`)
			return code.String()
		}, `hiroba_signaling_refusals_total{code="MALFORMED"}`},
		{"Send", func(t *testing.T, text string) string {
			status, answer := post(send, "application/json", text)
			return codeOf(status, answer, "MALFORMED")
		}, `hiroba_signaling_refusals_total{code="MALFORMED"}`},
		{"Attach", func(t *testing.T, text string) string {
			_, answer := post(attach, "application/connect+json", envelope(text))
			return codeOf(400, answer, "MALFORMED")
		}, `hiroba_signaling_refusals_total{code="MALFORMED"}`},
		{"the server API", func(t *testing.T, text string) string {
			status, answer := post(getRoom, "application/json", text)
			return codeOf(status, answer, "invalid_argument")
		}, `hiroba_api_calls_total{code="invalid_argument",method="GetRoom"}`},
		{"a stream of the server API", func(t *testing.T, text string) string {
			_, answer := post(watch, "application/connect+json", envelope(text))
			return codeOf(400, answer, "invalid_argument")
		}, `hiroba_api_calls_total{code="invalid_argument",method="WatchRoom"}`},
		{"a data feed", func(t *testing.T, text string) string {
			_, answer := post(publish, "application/connect+json", envelope(`{"room":"tea"}`)+envelope(text))
			return codeOf(400, answer, "invalid_argument")
		}, `hiroba_api_calls_total{code="invalid_argument",method="PublishData"}`},
	}
	for _, decoder := range decoders {
		t.Run(decoder.name, func(t *testing.T) {
			for _, tc := range nonsense {
				t.Run(tc.name, func(t *testing.T) {
					before := metric(t, url, decoder.series)
					if code := decoder.try(t, tc.text); code != "MALFORMED" && code != "invalid_argument" {
						t.Errorf("answered %s", code)
					}
					if n := metric(t, url, decoder.series) - before; n != 1 {
						t.Errorf("it was counted %v times", n)
					}
				})
			}
		})
	}

	// Too much is too much, whatever it is.
	big := `{"room":"` + strings.Repeat("x", 400<<10) + `"}`
	t.Run("too much", func(t *testing.T) {
		const tooLarge = `hiroba_signaling_refusals_total{code="MESSAGE_TOO_LARGE"}`
		for name, try := range map[string]struct {
			series string
			run    func() bool
		}{
			"a WebSocket": {tooLarge, func() bool { r := dialRaw(t, url); r.say(big); return r.closes().Code == 1009 }},
			"a POST": {tooLarge, func() bool {
				p := openByRequest(t, url, "")
				response, _ := p.ask("POST", "", big)
				return response.StatusCode == http.StatusRequestEntityTooLarge
			}},
			"Send": {tooLarge, func() bool {
				_, answer := post(send, "application/json", big)
				return strings.Contains(answer, "resource_exhausted")
			}},
			"Attach": {tooLarge, func() bool {
				_, answer := post(attach, "application/connect+json", envelope(big))
				return strings.Contains(answer, "resource_exhausted")
			}},
			"the server API": {`hiroba_api_calls_total{code="resource_exhausted",method="GetRoom"}`, func() bool {
				_, answer := post(getRoom, "application/json", big)
				return strings.Contains(answer, "resource_exhausted")
			}},
			"a stream of the server API": {`hiroba_api_calls_total{code="resource_exhausted",method="WatchRoom"}`, func() bool {
				_, answer := post(watch, "application/connect+json", envelope(big))
				return strings.Contains(answer, "resource_exhausted")
			}},
			"a data feed": {`hiroba_api_calls_total{code="resource_exhausted",method="PublishData"}`, func() bool {
				_, answer := post(publish, "application/connect+json", envelope(big))
				return strings.Contains(answer, "resource_exhausted")
			}},
		} {
			before := metric(t, url, try.series)
			if !try.run() {
				t.Errorf("%s: it is not refused", name)
			}
			if n := metric(t, url, try.series) - before; n != 1 {
				t.Errorf("%s: it was counted %v times", name, n)
			}
		}
	})
	bystander.say(`"message":{"text":"still here"}`)
}

// codeOf is what an answer of a service says was wrong.
func codeOf(status int, answer, want string) string {
	if status == http.StatusBadRequest && strings.Contains(answer, want) {
		return want
	}
	return fmt.Sprintf("%d %.300s", status, answer)
}

// What a client numbers or acknowledges ahead of time is refused, and leaves
// the numbers as they are.
func TestNumbersFromTheFuture(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	const most = "18446744073709551615"
	for _, tc := range []struct {
		name, message string
		want          protocol.Error_Code
		received      string
	}{
		{"a seq", `{"seq":"7","id":"x","message":{"text":"x"}}`, protocol.Error_OUT_OF_ORDER, "1"},
		{"the last seq that there is", `{"seq":"` + most + `","id":"x","message":{"text":"x"}}`, protocol.Error_OUT_OF_ORDER, "1"},
		{"an ack", `{"seq":"2","ack":"99","id":"x","message":{"text":"x"}}`, protocol.Error_BAD_FIELD, "2"},
		{"the last ack that there is", `{"seq":"2","ack":"` + most + `","id":"x","message":{"text":"x"}}`, protocol.Error_BAD_FIELD, "2"},
		{"an ack in a ping", `{"ack":"99","id":"x","ping":{}}`, protocol.Error_BAD_FIELD, "1"},
	} {
		for name, say := range map[string]func(p *poller) string{
			"POST": func(p *poller) string { _, answer := p.ask("POST", "", tc.message); return string(answer) },
			"Send": func(p *poller) string {
				_, answer := (&poller{t: t, url: url + "/hiroba.v1.SignalService/Send", resume: p.resume}).ask("POST", "",
					`{"session":"`+p.id+`","messages":[`+tc.message+`]}`, "Content-Type", "application/json")
				return string(answer)
			},
		} {
			t.Run(tc.name+" by "+name, func(t *testing.T) {
				p := openByRequest(t, url, "").join()
				before := refusals(t, url, tc.want)
				if answer := say(p); !strings.Contains(answer, `"received":"`+tc.received+`"`) {
					t.Errorf("answered %s", answer)
				}
				if m := p.poll("25s"); m[0].GetError().GetCode() != tc.want || m[0].GetRe() != "x" {
					t.Errorf("told %v", m)
				}
				if n := refusals(t, url, tc.want) - before; n != 1 {
					t.Errorf("it was counted %v times", n)
				}
			})
		}
	}
	// To read on after what was never said is refused in each way.
	for name, ask := range map[string]func(p *poller, after string) int{
		"by poll": func(p *poller, after string) int { r, _ := p.ask("GET", "?after="+after, ""); return r.StatusCode },
		"by stream": func(p *poller, after string) int {
			r, _ := p.ask("GET", "?after="+after, "", "Accept", "text/event-stream")
			return r.StatusCode
		},
		"by last event": func(p *poller, after string) int {
			r, _ := p.ask("GET", "", "", "Accept", "text/event-stream", "Last-Event-ID", after)
			return r.StatusCode
		},
		"by WebSocket": func(p *poller, after string) int {
			r, _, err := dialWith(t, p.url+"?after="+after, "Authorization", "Bearer "+p.resume)
			if err != nil {
				t.Fatal(err)
			}
			if closed := r.closes(); closed.Code != 4005 {
				t.Errorf("closed with %v", closed)
			}
			return http.StatusBadRequest
		},
	} {
		t.Run("after, "+name, func(t *testing.T) {
			p := openByRequest(t, url, "").join()
			for _, after := range []string{"99", most} {
				before := refusals(t, url, protocol.Error_BAD_FIELD)
				if status := ask(p, after); status != http.StatusBadRequest {
					t.Errorf("answered %d", status)
				}
				if n := refusals(t, url, protocol.Error_BAD_FIELD) - before; n != 1 {
					t.Errorf("it was counted %v times", n)
				}
			}
			p.say(`"message":{"text":"still here"}`)
		})
	}
}

// A page of another site gets nowhere, at any address of the API, and leaves
// nothing behind.
func TestForeignOrigins(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Origins = []string{"https://app.example"} })
	ann := openByRequest(t, url, "").join()
	sessions := metric(t, url, "hiroba_signaling_sessions")
	n := 0.0
	for _, origin := range []string{"https://evil.example", "null", "https://app.example.evil.example"} {
		for _, path := range []string{"/v1/signal", "/v1/signal/" + ann.id} {
			_, response, err := dialWith(t, url+path, "Origin", origin, "Authorization", "Bearer "+ann.resume)
			if n++; err == nil || response.StatusCode != http.StatusForbidden {
				t.Errorf("a WebSocket to %s from %s was answered %v", path, origin, response.Status)
			}
		}
		for _, ask := range []struct{ method, path, kind, body string }{
			{"POST", "/v1/signal", "", ""},
			{"POST", "/v1/signal/" + ann.id, "text/plain", `{"seq":"2","leave":{}}`}, // as a form could
			{"GET", "/v1/signal/" + ann.id, "", ""},
			{"DELETE", "/v1/signal/" + ann.id, "", ""},
			{"POST", "/hiroba.v1.SignalService/Send", "application/json", `{"session":"` + ann.id + `","messages":[{"seq":"2","leave":{}}]}`},
			{"POST", "/hiroba.v1.SignalService/Attach", "application/grpc-web+json", "\x00\x00\x00\x00\x02{}"},
			{"POST", "/hiroba.v1.RoomService/EndRoom", "application/json", `{"room":"tea"}`},
			{"GET", "/v1/rooms/tea/events", "", ""},
		} {
			response, _ := (&poller{t: t, url: url + ask.path, resume: ann.resume}).ask(ask.method, "", ask.body, "Origin", origin, "Content-Type", ask.kind)
			if n++; response.StatusCode != http.StatusForbidden || response.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s %s from %s was answered %s", ask.method, ask.path, origin, response.Status)
			}
		}
	}
	if got := metric(t, url, `hiroba_http_refusals_total{reason="origin"}`); got != n {
		t.Errorf("%v refusals were counted, want %v", got, n)
	}
	if got := metric(t, url, "hiroba_signaling_sessions"); got != sessions {
		t.Errorf("there are %v sessions, and were %v", got, sessions)
	}
	ann.say(`"message":{"text":"still here"}`)
}
