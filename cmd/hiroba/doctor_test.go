package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/cmd/hiroba/doctor"
	"github.com/hiroba-rtc/hiroba/configs"
)

// examined runs the doctor and returns its report and exit code.
func examined(t *testing.T, c doctorCommand) (report doctor.Report, code int) {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = patience
	}
	c.JSON = true
	var out bytes.Buffer
	code = exit(c.run(t.Context(), &out, t.Output(), false), t.Output())
	if code == exitUsage {
		return report, code
	}
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		t.Fatalf("%v in\n%s", err, out.Bytes())
	}
	return report, code
}

// legOf finds a leg of a report.
func legOf(t *testing.T, report doctor.Report, which doctor.Leg) doctor.Result {
	t.Helper()
	i := slices.IndexFunc(report.Legs, func(r doctor.Result) bool { return r.Leg == which })
	if i < 0 {
		t.Fatalf("there is no leg %s in %+v", which, report)
	}
	return report.Legs[i]
}

// fails holds that a leg fails, and that something is advised with these words in it.
func fails(t *testing.T, report doctor.Report, which doctor.Leg, words string) {
	t.Helper()
	r := legOf(t, report, which)
	if r.State != doctor.Fails || !strings.Contains(strings.Join(r.Advice, " "), words) {
		t.Errorf("%s: %+v; that it fails, with advice on %q, was expected", which, r, words)
	}
}

// works holds that legs work.
func works(t *testing.T, report doctor.Report, legs ...doctor.Leg) {
	t.Helper()
	for _, which := range legs {
		if r := legOf(t, report, which); r.State != doctor.Works {
			t.Errorf("%s: %+v; that it works was expected", which, r)
		}
	}
}

// signalingLegs and mediaLegs are all that a server without a certificate has.
var (
	signalingLegs = []doctor.Leg{doctor.HTTP, doctor.WebSocket, doctor.SSE, doctor.LongPoll}
	mediaLegs     = []doctor.Leg{doctor.STUN, doctor.Media, doctor.ICETCP, doctor.TURNUDP, doctor.TURNTCP}
)

func TestTheDoctorFindsAServerWell(t *testing.T) {
	_, url := runServer(t, nil)
	report, code := examined(t, doctorCommand{URL: new(url), Local: true})
	if code != 0 || !report.OK {
		t.Errorf("exit code %d of %+v", code, report)
	}
	works(t, report, slices.Concat(signalingLegs, mediaLegs, []doctor.Leg{doctor.Address, doctor.NAT, doctor.Clock})...)
	for _, which := range []doctor.Leg{doctor.TURNTLS, doctor.TURNDTLS} {
		if r := legOf(t, report, which); r.State != doctor.NotOffered {
			t.Errorf("%s without a certificate: %+v", which, r)
		}
	}
	legOf(t, report, doctor.Buffers)
	legOf(t, report, doctor.Files)
}

// With a certificate, all there is works, over HTTPS too.
func TestTheDoctorAndACertificate(t *testing.T) {
	abreast(t)
	s, _ := runServer(t, func(c *configs.Config) { c.LAN, c.TLS.Directory = true, t.TempDir() })
	url := fmt.Sprintf("https://localhost:%d", s.port.Port())
	report, code := examined(t, doctorCommand{URL: new(url), Insecure: true})
	if code != 0 {
		t.Errorf("exit code %d of %+v", code, report)
	}
	works(t, report, slices.Concat(signalingLegs, mediaLegs, []doctor.Leg{doctor.TURNTLS, doctor.TURNDTLS})...)

	report, code = examined(t, doctorCommand{URL: new(url)})
	if code != exitFailure {
		t.Errorf("exit code %d with a certificate that nobody vouches for", code)
	}
	fails(t, report, doctor.HTTP, "certificate")
	fails(t, report, doctor.WebSocket, "HTTP comes first")

	// Who is sent on to HTTPS goes there.
	onward := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, url+r.URL.Path, http.StatusPermanentRedirect)
	}))
	defer onward.Close()
	report, code = examined(t, doctorCommand{URL: new(onward.URL), Insecure: true})
	if code != 0 {
		t.Errorf("by way of HTTP: exit code %d of %+v", code, report)
	}
	works(t, report, doctor.HTTP, doctor.WebSocket, doctor.Media)
}

func TestTheDoctorSaysWhatIsNotOffered(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) { c.TURN.Enabled = false })
	report, _ := examined(t, doctorCommand{URL: new(url)})
	works(t, report, append(signalingLegs, doctor.Media, doctor.ICETCP)...)
	for _, which := range []doctor.Leg{doctor.TURNUDP, doctor.TURNTCP, doctor.TURNTLS, doctor.TURNDTLS} {
		if r := legOf(t, report, which); r.State != doctor.NotOffered || !strings.Contains(r.Detail, "turn.enabled") {
			t.Errorf("%s: %+v", which, r)
		}
	}
}

func TestTheDoctorNeedsAToken(t *testing.T) {
	keys := "main=" + strings.Repeat("k", 32)
	_, url := runServer(t, func(c *configs.Config) { c.Keys = configs.Secret(keys) })
	report, code := examined(t, doctorCommand{URL: new(url)})
	if code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	works(t, report, doctor.HTTP)
	for _, which := range signalingLegs[1:] {
		fails(t, report, which, "hiroba token")
	}
	if r := legOf(t, report, doctor.Media); r.State != doctor.NotTried {
		t.Errorf("media without a session: %+v", r)
	}

	config := configs.Default()
	config.Keys = configs.Secret(keys)
	var token bytes.Buffer
	if err := (&tokenCommand{Room: "tea", TTL: time.Hour}).write(&token, io.Discard, config, time.Now()); err != nil {
		t.Fatal(err)
	}
	report, code = examined(t, doctorCommand{URL: new(url), Token: strings.TrimSpace(token.String())})
	if code != 0 {
		t.Errorf("exit code %d of %+v", code, report)
	}
	works(t, report, append(signalingLegs, mediaLegs...)...)
}

func TestTheDoctorBehindProxies(t *testing.T) {
	abreast(t)
	_, server := runServer(t, nil)
	t.Run("that refuse upgrades", func(t *testing.T) {
		report, code := examined(t, doctorCommand{URL: new(noUpgrades(t, server))})
		if code != exitFailure {
			t.Errorf("exit code %d", code)
		}
		fails(t, report, doctor.WebSocket, "Upgrade")
		works(t, report, slices.Concat([]doctor.Leg{doctor.HTTP, doctor.SSE, doctor.LongPoll}, mediaLegs)...)
	})
	t.Run("that hold back streams", func(t *testing.T) {
		report, code := examined(t, doctorCommand{URL: new(buffering(t, server)), Timeout: 2 * time.Second})
		if code != exitFailure {
			t.Errorf("exit code %d", code)
		}
		fails(t, report, doctor.SSE, "proxy_buffering off")
		if took := legOf(t, report, doctor.SSE).Milliseconds; took > 4000 {
			t.Errorf("it took %v ms to say so; about 2,000 were expected", took)
		}
		works(t, report, slices.Concat([]doctor.Leg{doctor.HTTP, doctor.LongPoll}, mediaLegs)...)
	})
}

func TestTheDoctorFindsNoServer(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := closed.Addr().String()
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	report, code := examined(t, doctorCommand{URL: new("http://" + at)})
	if code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	for which, protocol := range map[doctor.Leg]string{doctor.HTTP: "TCP", doctor.STUN: "UDP"} {
		fails(t, report, which, "Nothing listens at "+protocol+" "+at)
		// Nobody waits for an answer from a port that is closed.
		if r := legOf(t, report, which); r.Cause != doctor.Refused || r.Milliseconds > 5000 {
			t.Errorf("%s: %+v; a refusal at once was expected", which, r)
		}
	}
}

func TestTheDoctorIsAskedForNothing(t *testing.T) {
	for _, url := range []string{"", "meet.example", "ftp://meet.example", "http://", "turn:", "https://meet.example/#x"} {
		if _, code := examined(t, doctorCommand{URL: new(url)}); code != exitUsage {
			t.Errorf("%q: exit code %d; %d was expected", url, code, exitUsage)
		}
	}
	if _, code := examined(t, doctorCommand{URL: new("turn:127.0.0.1:1"), Username: "ann"}); code != exitUsage {
		t.Errorf("a user without a password: exit code %d; %d was expected", code, exitUsage)
	}
}

// A server that announces an address at which it is not.
func TestTheDoctorFindsAWrongAddress(t *testing.T) {
	const wrong = "203.0.113.9"
	own := ownAddr(t, netip.IPv4Unspecified())
	s, _ := runServer(t, func(c *configs.Config) {
		c.Host, c.Access, c.Advertise = own, configs.AccessOpen, []netip.Addr{netip.MustParseAddr(wrong)}
	})
	// As if the server's own address could not be reached from here either.
	at := &url.URL{Scheme: "http", Host: netip.AddrPortFrom(own, uint16(s.port.Port())).String()}
	report, code := examined(t, doctorCommand{URL: new(renaming(t, at, own.String(), wrong)), Timeout: 2 * time.Second})
	if code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	works(t, report, doctor.HTTP, doctor.SSE, doctor.LongPoll)
	for _, which := range []doctor.Leg{doctor.Address, doctor.Media, doctor.ICETCP, doctor.STUN, doctor.TURNUDP, doctor.TURNTCP} {
		fails(t, report, which, "set advertise")
	}
}

// renaming is a proxy that puts one address in the place of another in all that
// comes back.
func renaming(t *testing.T, target *url.URL, from, to string) string {
	return startProxy(t, target.String(), func(http.Handler) http.Handler {
		return &httputil.ReverseProxy{
			Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
			FlushInterval: -1,
			Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
			ModifyResponse: func(r *http.Response) error {
				if r.StatusCode == http.StatusSwitchingProtocols {
					return errors.New("no upgrades")
				}
				r.Header.Del("Content-Length")
				r.ContentLength = -1
				r.Body = &renamed{Closer: r.Body, lines: bufio.NewReader(r.Body), from: from, to: to}
				return nil
			},
			ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		}
	})
}

type renamed struct {
	io.Closer
	lines    *bufio.Reader
	from, to string
	rest     string
}

func (r *renamed) Read(b []byte) (int, error) {
	if r.rest == "" {
		line, err := r.lines.ReadString('\n')
		if line == "" && err != nil {
			return 0, err
		}
		r.rest = strings.ReplaceAll(line, r.from, r.to)
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestTheDoctorOfATURNServerAlone(t *testing.T) {
	const secret = "sixteen letters at least"
	s, _ := runServer(t, func(c *configs.Config) { c.TURN.Secret = secret })
	at := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(s.port.Port())).String()
	report, code := examined(t, doctorCommand{URL: new("turn:" + at), TURNSecret: secret})
	if code != 0 {
		t.Errorf("exit code %d of %+v", code, report)
	}
	works(t, report, doctor.STUN, doctor.TURNUDP, doctor.TURNTCP)

	for _, tc := range []struct {
		name, words string
		command     doctorCommand
	}{
		{"another secret", "must be its turn.secret", doctorCommand{URL: new("turn:" + at), TURNSecret: "some other secret"}},
		{"no secret", "--turn-secret", doctorCommand{URL: new("turn:" + at)}},
		{"an old credential, though there is a secret", "ended at 1970-01-01", doctorCommand{URL: new("turn:" + at), TURNSecret: secret, Username: "1000:ann", Password: "any"}},
	} {
		report, code = examined(t, tc.command)
		if code != exitFailure {
			t.Errorf("%s: exit code %d", tc.name, code)
		}
		works(t, report, doctor.STUN)
		fails(t, report, doctor.TURNUDP, tc.words)
		fails(t, report, doctor.TURNTCP, tc.words)
	}
}

// Whatever is sent to a socket that nobody reads is gone, as behind a firewall.
func TestTheDoctorAndAFirewall(t *testing.T) {
	hole, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	report, code := examined(t, doctorCommand{URL: new("turn:" + hole.LocalAddr().String()), TURNSecret: "any", Timeout: time.Second})
	if code != exitFailure {
		t.Errorf("exit code %d", code)
	}
	_, port, _ := net.SplitHostPort(hole.LocalAddr().String())
	fails(t, report, doctor.STUN, "Open UDP port "+port)
	fails(t, report, doctor.TURNUDP, "Open UDP port "+port)
	fails(t, report, doctor.TURNTCP, "Nothing listens at TCP 127.0.0.1:"+port)
	for _, r := range report.Legs {
		if r.Milliseconds > 2000 {
			t.Errorf("%s took %v ms; no more than about a second was expected", r.Leg, r.Milliseconds)
		}
	}
}
