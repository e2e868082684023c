package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// notes are lines from several goroutines.
type notes struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (n *notes) Write(data []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(data)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

// secrets are what must not be found where it does not belong.
type secrets struct {
	mu  sync.Mutex // guards all
	all map[string]string
}

// add notes a secret under a name, and returns it.
func (s *secrets) add(name, secret string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if secret != "" {
		s.all[secret] = name
		if dot := strings.LastIndexByte(secret, '.'); dot > 0 {
			s.all[secret[:10]] = "the beginning of a token"
			s.all[secret[dot+1:]] = "the signature of " + name
		}
	}
	return secret
}

// welcome notes what comes with one.
func (s *secrets) welcome(w *protocol.Welcome) {
	s.add("a resume token", w.GetResume())
	for _, server := range w.GetIceServers() {
		s.add("a TURN credential", server.GetCredential())
	}
}

// foundIn fails the test for each secret in a text.
func (s *secrets) foundIn(t *testing.T, where, text string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for secret, name := range s.all {
		if at := strings.Index(text, secret); at >= 0 {
			t.Errorf("%s is in %s: %.300q", name, where, text[max(0, at-150):])
		}
	}
}

// recorder notes the addresses that a client asks for.
type recorder struct {
	next http.RoundTripper
	urls *notes
}

func (r recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	fmt.Fprintln(r.urls, request.URL)
	response, err := r.next.RoundTrip(request)
	if err == nil {
		fmt.Fprintln(r.urls, response.Header.Get("Location"))
	}
	return response, err
}

// What lets somebody in is shown to nobody else: not in the log, however much
// is logged, not in /metrics, and in no address that the server, the Go client
// or the SDK makes.
func TestSecretsStaySecret(t *testing.T) {
	abreast(t)
	known := &secrets{all: map[string]string{}}
	key := known.add("a key", "0123456789abcdef0123456789abcdef")
	hook := known.add("the webhook secret", "hook0123456789abcdef0123456789abcdef")
	turn := known.add("the TURN secret", "turn0123456789abcdef0123456789abcdef")
	inURL := known.add("what is in a webhook's URL", "url0123456789abcdef")
	pem := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(pem, []byte("-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
	t.Cleanup(back.Close)

	logged, urls := &notes{}, &notes{}
	_, url := runServerLogging(t, logged, func(c *configs.Config) {
		generous(c)
		c.Log.Level = slog.LevelDebug
		c.Keys, c.TURN.Secret = configs.Secret("main="+key+",pair=@"+pem), configs.Secret(turn)
		c.Webhook.URLs, c.Webhook.Secret, c.Webhook.AllowPrivate = []string{back.URL + "/?key=" + inURL}, configs.Secret(hook), true
	})
	var line *cable
	proxied := startProxy(t, url, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(urls, r.URL)
			if r.URL.Path == "/cut" {
				line.pull()
				line.putBack()
				return
			}
			next.ServeHTTP(w, r)
		})
	})
	line, proxied = newCable(t, proxied)
	token := func(name string, access auth.Access, ttl time.Duration) string {
		return known.add(name, tokenBy(t, "main="+key, "main", access, ttl))
	}
	admin := auth.Access{Room: "*", Grants: auth.AllGrants, User: "ann"}
	good, expired := token("an access token", admin, time.Hour), token("an expired token", admin, -time.Minute)
	elsewhere := token("a token for another room", auth.Access{Room: "coffee", Grants: auth.DefaultGrants}, time.Hour)
	forged := known.add("a forged token", tokenBy(t, "main=another0123456789abcdef0123456789abcdef", "main", admin, time.Hour))

	var h2 http.Protocols
	h2.SetUnencryptedHTTP2(true)
	base := &http.Transport{Protocols: &h2}
	t.Cleanup(base.CloseIdleConnections)
	latest := "" // resume token
	for _, w := range ways() {
		at, recording := url, func(o *client.Options) { o.HTTP = &http.Client{Transport: recorder{base, urls}} }
		if w.transport == client.WebSocket {
			at = proxied
		}
		with := func(changes ...func(*client.Options)) func(*client.Options) {
			return func(o *client.Options) {
				for _, change := range append(changes, recording) {
					change(o)
				}
			}
		}
		p := talk(t, at, w, with(bringing(good), func(o *client.Options) { o.NoReconnect = false }))
		known.welcome(p.Welcome())
		p.request(&protocol.ClientMessage{Body: &protocol.ClientMessage_Authenticate{Authenticate: &protocol.Authenticate{Token: good}}}, 0)
		p.request(&protocol.ClientMessage{Body: &protocol.ClientMessage_Authenticate{Authenticate: &protocol.Authenticate{Token: forged}}}, protocol.Error_ACCESS_DENIED)
		p.request(&protocol.ClientMessage{Body: &protocol.ClientMessage_Authenticate{Authenticate: &protocol.Authenticate{Token: expired}}}, protocol.Error_ACCESS_EXPIRED)
		p.Interrupt()
		p.request(chat("back"), 0)
		ticket := p.Ticket()
		known.add("a resume token", ticket.Resume)
		_ = p.Close()
		for _, bad := range []string{expired, elsewhere, forged, ticket.Resume, good + "x"} {
			if _, err := tryTalk(t, at, w, with(bringing(known.add("a bad token", bad)))); err == nil {
				t.Error("a bad token opened a session")
			} else {
				known.foundIn(t, "an error", err.Error())
			}
		}
		stolen := ticket
		stolen.Resume = known.add("a guessed resume token", "GUESSGUESSGUESSGUESSGUESS2")
		if _, err := tryTalk(t, at, w, with(returning(stolen))); err == nil {
			t.Error("a guess opened a session")
		}
		again := talk(t, at, w, with(returning(ticket), bringing(good)))
		known.welcome(again.Welcome())
		again.request(chat("again"), 0)
		latest = known.add("a resume token", again.Ticket().Resume)
	}

	// Messages that are broken where a token is, and tokens where none belongs.
	var broken []string
	for _, secret := range []string{good, latest} {
		broken = append(broken,
			`{"authenticate":{"token":`+secret+`}}`, `{"authenticate":"`+secret+`"}`, `{"authenticate":{"token":"`+secret+`\ud800"}}`,
			`{"seq":"1","authenticate":{"`+secret+`":1,"`+secret+`":2}}`, `{"`+secret+`":{}`, secret, `{"seq":"`+secret+`"}`)
	}
	for _, text := range broken {
		r, _, err := dialWith(t, url+"/v1/signal", "Authorization", "Bearer "+good)
		if err != nil {
			t.Fatal(err)
		}
		known.welcome(r.next().GetWelcome())
		r.say(text)
		r.next()
		p := openByRequest(t, url, good)
		known.add("a resume token", p.resume)
		p.ask("POST", "", text)
		(&poller{t: t, url: url + "/hiroba.v1.SignalService/Send", resume: p.resume}).ask("POST", "",
			`{"session":"`+p.id+`","messages":[`+text+`]}`, "Content-Type", "application/json")
		(&poller{t: t, url: url + "/hiroba.v1.RoomService/GetRoom", resume: good}).ask("POST", "", text, "Content-Type", "application/json")
	}
	for _, path := range []string{"/v1/signal?access_token=" + good, "/v1/signal/" + good, "/v1/rooms/" + good + "/events", "/r/tea?token=" + good, "/" + good} {
		for _, method := range []string{"GET", "POST"} {
			(&poller{t: t, url: url + path}).ask(method, "", "")
		}
	}
	for _, header := range []string{"Authorization", "Hiroba-Access", "Sec-WebSocket-Protocol", "Hiroba-Session", "Hiroba-After", "Origin", "X-Forwarded-For", "Last-Event-ID"} {
		(&poller{t: t, url: url + "/v1/signal"}).ask("POST", "", "", header, good)
		_, _, _ = dialWith(t, url+"/v1/signal", header, good)
	}

	// The server API, and a relay.
	for _, bearer := range []string{good, expired, forged, "x"} {
		c, ctx := roomService(url), t.Context()
		get := connect.NewRequest(&protocol.CreateRoomRequest{Room: "room-" + fmt.Sprint(len(bearer))})
		get.Header().Set("Authorization", "Bearer "+bearer)
		_, _ = c.CreateRoom(ctx, get)
		_, events := (&poller{t: t, url: url + "/v1/rooms/a%20b/events", resume: bearer}).ask("GET", "", "")
		known.foundIn(t, "an answer", string(events))
		watch := connect.NewRequest(&protocol.WatchRoomRequest{Room: "a b"})
		watch.Header().Set("Authorization", "Bearer "+bearer)
		if stream, err := protocolconnect.NewRoomServiceClient(http.DefaultClient, url, connect.WithGRPCWeb()).WatchRoom(ctx, watch); err == nil {
			stream.Receive()
			_ = stream.Close()
		}
	}
	p := talk(t, url, viaWebSocket, bringing(good))
	known.welcome(p.Welcome())
	for _, secret := range []string{"", "x"} {
		relayed(t, p.Welcome(), secret)
	}
	sdk(t, proxied, good)

	eventually(t, "the webhooks to be given up", func() bool {
		return metric(t, url, `hiroba_webhook_deliveries_total{outcome="refused"}`) > 0
	})
	answer, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	metrics, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"peer joined", "message refused", "server API", "a webhook delivery was given up", "TURN"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("nothing was logged of %q", want)
		}
	}
	for _, want := range []string{"/v1/signal\n", "after=", "/hiroba.v1.SignalService/"} {
		if !strings.Contains(urls.String(), want) {
			t.Errorf("no address has %q in it", want)
		}
	}
	for _, server := range p.Welcome().GetIceServers() {
		fmt.Fprintln(urls, server.GetUrls())
	}
	known.foundIn(t, "the log", logged.String())
	known.foundIn(t, "/metrics", string(metrics))
	known.foundIn(t, "an address", urls.String())
	for secret, name := range known.all {
		known.all[base64.StdEncoding.EncodeToString([]byte(secret))] = name + ", in base64,"
	}
	known.foundIn(t, "the log", logged.String())
}

// relayed asks for a relay by the credentials of a welcome, or wrong ones.
func relayed(t *testing.T, welcome *protocol.Welcome, add string) {
	t.Helper()
	config := webrtc.Configuration{ICETransportPolicy: webrtc.ICETransportPolicyRelay}
	for _, server := range welcome.GetIceServers() {
		if server.GetCredential() != "" {
			config.ICEServers = append(config.ICEServers, webrtc.ICEServer{URLs: server.GetUrls(), Username: server.GetUsername(), Credential: server.GetCredential() + add})
		}
	}
	pc, err := loopbackAPI(t).NewPeerConnection(config)
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	if _, err := pc.CreateDataChannel("x", nil); err != nil {
		t.Fatal(err)
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gathered:
	case <-time.After(patience):
		t.Fatal("the relay does not answer")
	}
	if got := strings.Contains(pc.LocalDescription().SDP, "typ relay"); got != (add == "") {
		t.Errorf("there is a relay: %v", got)
	}
}

// sdk has the SDK join, lose its connection and come back over each of its
// transports, where there is a Node with a WebSocket.
func sdk(t *testing.T, url, token string) {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Log("without Node, the SDK's addresses are not seen:", err)
		return
	}
	path, err := filepath.Abs("../../web/sdk/link.js")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	command := exec.CommandContext(ctx, node, "--experimental-websocket", "--input-type=module", "-e", `
const { Link } = await import(process.env.LINK);
for (const transport of ['websocket', 'sse', 'poll']) {
	const link = await Link.open(process.env.HIROBA, { token: process.env.TOKEN, transports: [transport] });
	link.listen({ message() {}, ended(error) { throw error; } });
	await link.request({ join: { room: 'sdk' } });
	await link.request({ authenticate: { token: process.env.TOKEN } });
	await fetch(process.env.HIROBA + '/cut', { method: 'POST' }).catch(() => {});
	await link.request({ message: { text: 'back' } });
	link.close();
}
console.log('done');
process.exit(0);
`)
	command.Env = append(os.Environ(), "LINK=file://"+path, "HIROBA="+url, "TOKEN="+token)
	if out, err := command.CombinedOutput(); err != nil || !strings.Contains(string(out), "done") {
		t.Errorf("the SDK says %v: %s", err, out)
	}
}
