package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun/v4"

	"github.com/hiroba-rtc/hiroba/internal/udp"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func addrs(texts ...string) (out []netip.AddrPort) {
	for _, text := range texts {
		out = append(out, netip.MustParseAddrPort(text))
	}
	return out
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		name       string
		candidates []netip.AddrPort
		reached    string
		media      bool
		want       State
	}{
		{"where the name leads", addrs("198.51.100.7:443"), "198.51.100.7:443", true, Works},
		{"the same, whatever media says", addrs("10.0.0.2:443", "198.51.100.7:443"), "198.51.100.7:443", false, Works},
		{"a container's", addrs("172.17.0.2:8080"), "198.51.100.7:443", false, Fails},
		{"a container's, from the machine it is on", addrs("172.17.0.2:8080"), "198.51.100.7:443", true, Limited},
		{"behind a proxy elsewhere", addrs("203.0.113.5:8080"), "198.51.100.7:443", true, Works},
		{"behind a proxy elsewhere, and wrong", addrs("203.0.113.5:8080"), "198.51.100.7:443", false, Fails},
		{"in one's own network", addrs("192.168.1.5:8080"), "192.168.1.5:8080", true, Works},
		{"behind a local proxy", addrs("192.168.1.5:8080"), "127.0.0.1:8080", true, Works},
	} {
		t.Run(tc.name, func(t *testing.T) {
			state, detail := judgeAddress(facts{candidates: tc.candidates, reached: netip.MustParseAddrPort(tc.reached)}, tc.media)
			if state != tc.want || !strings.Contains(detail, tc.candidates[0].Addr().String()) {
				t.Errorf("%s: %s; %s was expected", state, detail, tc.want)
			}
		})
	}
}

func TestRelayedAddresses(t *testing.T) {
	for _, tc := range []struct {
		name    string
		relayed []string
		reached string
		want    State
	}{
		{"where clients reach it", []string{"198.51.100.7"}, "198.51.100.7", Works},
		{"of the other family", []string{"198.51.100.7"}, "2001:db8::1", Works},
		{"of its own network", []string{"10.0.0.2", "10.0.0.2"}, "198.51.100.7", Fails},
		{"from within, with the right one", []string{"198.51.100.7"}, "10.0.0.2", Works},
		{"another public one", []string{"203.0.113.7"}, "198.51.100.7", Limited},
	} {
		var relayed []netip.Addr
		for _, text := range tc.relayed {
			relayed = append(relayed, netip.MustParseAddr(text))
		}
		state, detail := judgeRelayed(relayed, netip.MustParseAddr(tc.reached))
		if state != tc.want || strings.Count(detail, tc.relayed[0]) != 1 {
			t.Errorf("%s: %s, %s; %s was expected", tc.name, state, detail, tc.want)
		}
	}
}

func TestClocks(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 300e6, time.UTC)
	for _, tc := range []struct {
		ahead time.Duration
		want  State
		words string
	}{
		{0, Works, "same"},
		{-900 * time.Millisecond, Works, "same"},
		{10 * time.Second, Works, "10s"},
		{time.Minute, Limited, "ahead"},
		{-2 * time.Hour, Limited, "behind"},
	} {
		date := now.Add(tc.ahead).Truncate(time.Second)
		if state, detail := judgeClock(date, now, now.Add(50*time.Millisecond)); state != tc.want || !strings.Contains(detail, tc.words) {
			t.Errorf("%v ahead: %s, %s", tc.ahead, state, detail)
		}
	}
	// An answer that took long says little, and is not held against the clock.
	if state, detail := judgeClock(now.Add(4*time.Second), now, now.Add(5*time.Second)); state != Works {
		t.Errorf("after a slow answer: %s, %s", state, detail)
	}
}

func TestTheMachine(t *testing.T) {
	for _, tc := range []struct {
		read, write int
		want        State
	}{{0, 0, NotOffered}, {208 << 10, 208 << 10, Limited}, {udp.WantedBuffer, 208 << 10, Limited}, {udp.WantedBuffer, udp.WantedBuffer, Works}} {
		if state, detail := judgeBuffers(tc.read, tc.write); state != tc.want {
			t.Errorf("buffers of %d and %d: %s, %s", tc.read, tc.write, state, detail)
		}
	}
	for hard, want := range map[uint64]State{1024: Limited, wantedFiles: Works, 1 << 20: Works} {
		if state, detail := judgeFiles(hard); state != want {
			t.Errorf("%d files: %s, %s", hard, state, detail)
		}
	}
}

func TestNATBehaviour(t *testing.T) {
	at := addrs("198.51.100.7:1000", "198.51.100.7:1001", "198.51.100.7:1002")
	for want, seen := range map[behaviour][3]netip.AddrPort{
		independent: {at[0], at[0], at[0]},
		address:     {at[0], at[1], at[1]},
		both:        {at[0], at[1], at[2]},
	} {
		if got := mapping(seen[0], seen[1], seen[2]); got != want {
			t.Errorf("mapping to %v: %s; %s was expected", seen, got, want)
		}
	}
	for want, heard := range map[behaviour][2]bool{independent: {true, true}, address: {false, true}, both: {false, false}} {
		if got := filtering(heard[0], heard[1]); got != want {
			t.Errorf("filtering by %v: %s; %s was expected", heard, got, want)
		}
	}
	if text := describe(both, both); !strings.Contains(text, "symmetric") {
		t.Errorf("a symmetric NAT: %s", text)
	}
}

func TestCauses(t *testing.T) {
	refusal := func(code stun.ErrorCode) error {
		return &stun.TurnError{ErrorCodeAttr: stun.ErrorCodeAttribute{Code: code}}
	}
	for _, tc := range []struct {
		err  error
		want Cause
	}{
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, Refused},
		{fmt.Errorf("on the way: %w", syscall.EHOSTUNREACH), Unreachable},
		{&net.DNSError{Name: "meet.example", IsNotFound: true}, Unnamed},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "meet.example"}, Certificate},
		{x509.UnknownAuthorityError{}, Certificate},
		{context.DeadlineExceeded, Silent},
		{io.ErrUnexpectedEOF, Cut},
		{protocol.Errorf(protocol.Error_ACCESS_EXPIRED, "expired"), Unauthorized},
		{protocol.Errorf(protocol.Error_ROOM_FULL, "full"), Quota},
		{protocol.Errorf(protocol.Error_INTERNAL, "broken"), Answer},
		{refusal(stun.CodeUnauthorized), Unauthorized},
		{refusal(stun.CodeAllocQuotaReached), Quota},
		{refusal(stun.CodeServerError), Answer},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: internal error")}, Alert},
		{&failure{Keys, io.EOF}, Keys},
		{errors.New("something"), Other},
	} {
		if got := causeOf(tc.err); got != tc.want {
			t.Errorf("%v: %s; %s was expected", tc.err, got, tc.want)
		}
	}
}

func TestAdvice(t *testing.T) {
	web, err := webServer("https://meet.example")
	if err != nil {
		t.Fatal(err)
	}
	base := situation{server: web, reached: netip.MustParseAddrPort("198.51.100.7:443"), candidates: addrs("172.17.0.2:8080"), works: map[Leg]bool{HTTP: true}}
	with := func(change func(*situation)) situation {
		s := base
		s.works = map[Leg]bool{HTTP: true}
		change(&s)
		return s
	}
	for _, tc := range []struct {
		name      string
		result    Result
		situation situation
		words     []string
	}{
		{"no name", Result{Leg: HTTP, Cause: Unnamed}, base, []string{"DNS", "meet.example"}},
		{"no server", Result{Leg: HTTP, Cause: Refused}, base, []string{"TCP meet.example:443"}},
		{"a firewall", Result{Leg: HTTP, Cause: Silent}, base, []string{"TCP port 443"}},
		{"a certificate", Result{Leg: HTTP, Cause: Certificate}, base, []string{"certificate"}},
		{"no TLS", Result{Leg: HTTP, Cause: NoTLS}, base, []string{"http://"}},
		{"a proxy without upgrades", Result{Leg: WebSocket, Cause: Answer}, base, []string{"Upgrade"}},
		{"a buffering proxy", Result{Leg: SSE, Cause: Silent}, base, []string{"proxy_buffering off"}},
		{"no HTTP at all", Result{Leg: SSE, Cause: Silent}, with(func(s *situation) { s.works = nil }), []string{"HTTP comes first"}},
		{"no token", Result{Leg: LongPoll, Cause: Unauthorized}, base, []string{"HIROBA_TOKEN"}},
		{"a full server", Result{Leg: WebSocket, Cause: Quota}, base, []string{"limits.sessions"}},
		{"no UDP", Result{Leg: Media, Cause: Silent}, base, []string{"UDP port 8080"}},
		{"no UDP, but TCP", Result{Leg: Media, Cause: Silent}, with(func(s *situation) { s.works[TURNTCP] = true }), []string{"UDP port 8080", "calls go over TCP"}},
		{"a wrong address", Result{Leg: Media, Cause: Silent}, with(func(s *situation) { s.misplaced = true }), []string{"advertise", "198.51.100.7"}},
		{"UDP at another address", Result{Leg: Media, Cause: Silent}, with(func(s *situation) { s.works[STUN] = true }), []string{"advertise"}},
		{"a small MTU", Result{Leg: Media, Cause: Keys}, base, []string{"MTU"}},
		{"no ICE-TCP", Result{Leg: ICETCP, Cause: Refused}, base, []string{"TCP port 8080"}},
		{"no STUN", Result{Leg: STUN, Cause: Silent, Target: "meet.example:3478"}, base, []string{"UDP port 3478"}},
		{"no TURN/UDP", Result{Leg: TURNUDP, Cause: Silent, Target: "meet.example:3478"}, base, []string{"UDP port 3478"}},
		{"no TURN/TCP", Result{Leg: TURNTCP, Cause: Silent, Target: "meet.example:3478"}, base, []string{"TCP port 3478"}},
		{"no TURN/TLS", Result{Leg: TURNTLS, Cause: Refused, Target: "meet.example:5349"}, base, []string{"Nothing listens at TCP meet.example:5349"}},
		{"nothing at UDP", Result{Leg: TURNUDP, Cause: Refused, Target: "meet.example:3478"}, base, []string{"Nothing listens at UDP meet.example:3478"}},
		{"nothing at UDP, for STUN", Result{Leg: STUN, Cause: Refused, Target: "meet.example:443"}, base, []string{"Nothing listens at UDP meet.example:443", "/udp", "advertise"}},
		{"nothing at UDP, nor at TCP", Result{Leg: STUN, Cause: Refused, Target: "meet.example:443"}, with(func(s *situation) { s.works = nil }), []string{"start the server"}},
		{"no name of a relay", Result{Leg: TURNUDP, Cause: Unnamed, Target: "turn.example:3478"}, base, []string{"DNS", "turn.example"}},
		{"no name of a relay, for STUN", Result{Leg: STUN, Cause: Unnamed, Target: "turn.example:3478"}, with(func(s *situation) { s.server.web = nil }), []string{"DNS", "turn.example"}},
		{"credentials of yesterday", Result{Leg: TURNUDP, Cause: Unauthorized}, with(func(s *situation) { s.ended = time.Unix(1767225600, 0) }), []string{"ended at 2026-01-01 00:00:00 UTC"}},
		{"no TURN/DTLS", Result{Leg: TURNDTLS, Cause: Silent, Target: "meet.example:5349"}, base, []string{"UDP port 5349", "DTLS"}},
		{"a certificate of TURN", Result{Leg: TURNTLS, Cause: Certificate, Target: "meet.example:5349"}, base, []string{"certificate"}},
		{"secrets that differ", Result{Leg: TURNUDP, Cause: Unauthorized}, with(func(s *situation) { s.issued = true }), []string{"turn.secret", "the same in all servers"}},
		{"a wrong secret", Result{Leg: TURNUDP, Cause: Unauthorized}, base, []string{"turn.secret", "--turn-secret"}},
		{"no secret", Result{Leg: TURNUDP, Cause: Unauthorized}, with(func(s *situation) { s.secretless = true }), []string{"--turn-secret"}},
		{"a full relay", Result{Leg: TURNTCP, Cause: Quota}, base, []string{"turn.allocations"}},
		{"a relay that relays nothing", Result{Leg: TURNTCP, Cause: Relaying}, base, []string{"turn.relay_ports"}},
		{"a proxy before TURN", Result{Leg: TURNTCP, Cause: Cut, Target: "meet.example:443"}, base, []string{"proxy"}},
		{"an address of the inside", Result{Leg: Address}, base, []string{"advertise: 198.51.100.7"}},
		{"a relay elsewhere", Result{Leg: TURNTCP, Cause: Silent, Target: "203.0.113.7:8080"}, base, []string{"203.0.113.7:8080", "198.51.100.7", "advertise"}},
		{"no certificate yet", Result{Leg: TURNTLS, Cause: Alert, Target: "meet.example:443"}, base, []string{"no certificate", "log"}},
		{"no certificate of a page yet", Result{Leg: HTTP, Cause: Alert}, base, []string{"no certificate", "log"}},
		{"a relay's wrong address", Result{Leg: Address}, with(func(s *situation) { s.server.web = nil }), []string{"advertise: 198.51.100.7", "turn.relay_ports"}},
		{"a wrong clock", Result{Leg: Clock}, base, []string{"NTP"}},
		{"small buffers", Result{Leg: Buffers}, base, []string{"net.core.rmem_max"}},
		{"few files", Result{Leg: Files}, base, []string{"LimitNOFILE"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := strings.Join(advise(tc.result, tc.situation), "\n")
			for _, words := range tc.words {
				if !strings.Contains(text, words) {
					t.Errorf("the advice is %q; something on %q was expected", text, words)
				}
			}
		})
	}
}

// Whatever fails, something is advised.
func TestThereIsAlwaysAdvice(t *testing.T) {
	web, err := webServer("http://localhost:8080")
	if err != nil {
		t.Fatal(err)
	}
	for _, leg := range order {
		for _, cause := range []Cause{Silent, Refused, Unreachable, Unnamed, Certificate, NoTLS, Alert, Cut, Unauthorized, Forbidden, Quota, Answer, Keys, Relaying, Other} {
			for _, works := range []bool{false, true} {
				s := situation{server: web, works: map[Leg]bool{HTTP: works, TURNTCP: works}}
				if advice := advise(Result{Leg: leg, State: Fails, Cause: cause}, s); len(advice) == 0 {
					t.Errorf("there is no advice on %s, %s", leg, cause)
				}
			}
		}
	}
}

func TestServers(t *testing.T) {
	for text, want := range map[string]string{
		"http://localhost:8080":     "localhost:8080",
		"https://meet.example/":     "meet.example:443",
		"https://[2001:db8::1]":     "[2001:db8::1]:443",
		"turn:turn.example":         "turn.example:3478",
		"turns:turn.example":        "turn.example:5349",
		"turn:[2001:db8::1]:3480":   "[2001:db8::1]:3480",
		"stun:192.0.2.1:1":          "192.0.2.1:1",
		"turn:t:1?transport=tcp":    "t:1",
		"meet.example":              "",
		"https://ann:pw@x":          "",
		"https://x?y":               "",
		"turn:":                     "",
		"turn://turn.example:3478/": "",
		"turn:t:99999":              "",
		"turn:t:0":                  "",
		"turn:t:udp":                "",
		"turn:a:b:c":                "",
		"turn:t?transport=sctp":     "",
		"http://t:99999":            "",
		"turn:2001:db8::1":          "[2001:db8::1]:3478",
	} {
		got, err := Plan{URL: text}.server()
		if want == "" && err == nil || want != "" && (err != nil || got.address() != want) {
			t.Errorf("%q: %v, %v; %q was expected", text, got.address(), err, want)
		}
	}
}

func TestRooms(t *testing.T) {
	// {"room":"tea"} and {"room":"*"}
	for token, want := range map[string]string{"a.eyJyb29tIjoidGVhIn0.c": "tea", "a.eyJyb29tIjoiKiJ9.c": "doctor-x", "": "doctor-x", "a.%.c": "doctor-x"} {
		if got := (Plan{Token: token}).room("x"); got != want {
			t.Errorf("%q: %q; %q was expected", token, got, want)
		}
	}
}

func TestCandidates(t *testing.T) {
	const sdp = "v=0\r\na=candidate:1 1 udp 1 192.0.2.1 8080 typ host\r\na=candidate:2 1 tcp 1 192.0.2.1 8080 typ host tcptype passive\r\na=candidate:nonsense\r\na=candidate:1 1 udp 1 192.0.2.1 8080 typ host\r\na=mid:0\r\n"
	if got := candidatesIn(sdp, "udp"); len(got) != 1 || got[0] != addrs("192.0.2.1:8080")[0] {
		t.Errorf("candidates over UDP: %v", got)
	}
	if got := only(sdp, "tcp"); strings.Contains(got, " udp ") || !strings.Contains(got, " tcp ") || !strings.Contains(got, "a=mid:0") {
		t.Errorf("with those over TCP alone: %q", got)
	}
}

func FuzzCandidates(f *testing.F) {
	f.Add("v=0\r\na=candidate:1 1 udp 1 192.0.2.1 8080 typ host\r\n")
	f.Fuzz(func(t *testing.T, sdp string) {
		candidatesIn(sdp, "udp")
		if rest := only(sdp, "tcp"); len(candidatesIn(rest, "udp")) != 0 {
			t.Errorf("%q still has candidates over UDP", rest)
		}
	})
}

func FuzzSTUNReply(f *testing.F) {
	answer, err := stun.Build(stun.TransactionID, stun.BindingSuccess, &stun.XORMappedAddress{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &stun.OtherAddress{IP: net.IPv4(192, 0, 2, 2), Port: 2})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(answer.Raw)
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &stun.Message{Raw: data}
		if m.Decode() != nil {
			return
		}
		if r, err := readReply(m, netip.AddrPort{}); err == nil && !r.mapped.IsValid() {
			t.Errorf("an answer without an address was taken: %+v", r)
		}
	})
}
