package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/internal/dataframe"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
	"github.com/hiroba-rtc/hiroba/turn"
)

const apiKeys = "main=0123456789abcdef0123456789abcdef"

// apiToken is an access token for a server that has apiKeys.
func apiToken(t *testing.T, access auth.Access) string {
	t.Helper()
	keys, err := auth.ParseKeys(apiKeys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keys.Signer("main")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Token(access, time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// by gives a client its access.
func by(t *testing.T, access auth.Access) func(*client.Config) {
	return func(c *client.Config) {
		c.Token = func(context.Context) (string, error) { return apiToken(t, access), nil }
	}
}

// roomService calls the server API of a server for its own machine.
func roomService(url string) protocolconnect.RoomServiceClient {
	return protocolconnect.NewRoomServiceClient(http.DefaultClient, url)
}

// sends waits until a participant's DataChannels are open at both ends: the
// client may send over its own before the server has heard of them.
func (p *participant) sends() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for _, channel := range []string{client.Reliable, client.Lossy} {
		if err := p.SendData(ctx, channel, "open", nil, "nobody"); err != nil {
			p.t.Fatal(err)
		}
	}
	// The server answers large messages, also those for nobody.
	if err := p.SendData(ctx, client.Reliable, "open", make([]byte, dataframe.MaxFrame), "nobody"); !errors.Is(err, client.ErrNotReceived) {
		p.t.Fatalf("a large message for nobody was answered %v", err)
	}
}

// gone waits until a participant's session has ended, and returns why.
func (p *participant) gone() *protocol.Error {
	p.t.Helper()
	select {
	case <-p.Link().Done():
	case <-time.After(patience):
		p.t.Fatal("the session goes on")
	}
	var reason *protocol.Error
	if !errors.As(p.Link().Err(), &reason) {
		p.t.Fatalf("the session ended with %v", p.Link().Err())
	}
	return reason
}

func TestPublishedDataReachesDataChannels(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	ann, bob := enter(t, url, "tea", nil), enter(t, url, "tea", nil)
	ann.sends()
	bob.sends()
	stream := roomService(url).PublishData(t.Context())
	for _, frame := range []*protocol.PublishDataRequest{
		{Room: "tea", From: "kettle", Topic: "celsius", Payload: []byte("98")},
		{Topic: "celsius", Payload: []byte("99"), To: []string{bob.ID(), "nobody"}},
		{Topic: "celsius", Payload: []byte("100"), Lossy: true},
	} {
		if err := stream.Send(frame); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := stream.CloseAndReceive()
	if err != nil || answer.Msg.GetFrames() != 3 {
		t.Fatalf("it was answered %v, %v", answer, err)
	}
	for p, want := range map[*participant]int{ann: 2, bob: 3} {
		p.until("frames", func() bool { return len(p.frames) == want })
		p.mu.Lock()
		for _, f := range p.frames {
			if f.GetFrom() != "kettle" || f.GetTopic() != "celsius" {
				t.Errorf("a frame came as %v", f)
			}
		}
		p.mu.Unlock()
	}
	// The channels keep no order between them, the reliable one does in itself.
	var values []string
	for _, f := range bob.frames {
		values = append(values, string(f.GetPayload()))
	}
	hundred := slices.Index(values, "100")
	if hundred < 0 || !slices.Equal(slices.Delete(slices.Clone(values), hundred, hundred+1), []string{"98", "99"}) {
		t.Errorf("the frames came as %q", values)
	}
}

// What a back end decides holds for media and for who comes back.
func TestModerationByTheServerAPI(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Keys = apiKeys })
	access := auth.Access{Room: "tea", Grants: auth.DefaultGrants, User: "ann"}
	face := newSource(t, webrtc.MimeTypeVP8, []byte("ann looks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		by(t, access)(c)
		c.Tracks = []client.LocalTrack{{Track: face.track, Source: "camera"}}
	})
	bob := enter(t, url, "tea", by(t, auth.Access{Room: "tea", Grants: auth.DefaultGrants, User: "bob"}))
	track := ann.Joined().GetTracks()[0].GetId()
	bob.receives(5, bob.slotOf(track), endsWith(face.body))

	c, ctx := roomService(url), t.Context()
	admin := "Bearer " + apiToken(t, auth.Access{Room: "tea", Grants: auth.GrantsOf(protocol.Grant_ADMIN)})
	mute := connect.NewRequest(&protocol.MuteTrackRequest{Room: "tea", Peer: ann.ID(), Track: track})
	if _, err := c.MuteTrack(ctx, mute); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Fatalf("without a token: %v", err)
	}
	mute.Header().Set("Authorization", admin)
	if _, err := c.MuteTrack(ctx, mute); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*participant{ann, bob} {
		p.hears("the muting", func(m *protocol.ServerMessage) bool {
			return m.GetTrackUpdated().GetTrack().GetId() == track && m.GetTrackUpdated().GetTrack().GetMuted()
		})
	}
	bob.hears("a slot that is silent", func(m *protocol.ServerMessage) bool {
		for _, s := range m.GetSlots().GetSlots() {
			if s.GetTrack() == track && s.GetWhy() == protocol.Slot_MUTED {
				return true
			}
		}
		return false
	})

	watch := connect.NewRequest(&protocol.UpdatePeerRequest{Room: "tea", Peer: ann.ID(), ChangeGrants: true, Grants: []protocol.Grant{protocol.Grant_SUBSCRIBE}})
	watch.Header().Set("Authorization", admin)
	if _, err := c.UpdatePeer(ctx, watch); err != nil {
		t.Fatal(err)
	}
	bob.hears("the track's end", func(m *protocol.ServerMessage) bool { return m.GetTrackRemoved().GetTrack() == track })
	if err := ann.Say(ctx, "chat", "may I?"); err == nil {
		t.Error("Ann may still send messages")
	}

	remove := connect.NewRequest(&protocol.RemovePeerRequest{Room: "tea", Peer: ann.ID(), BanSeconds: 600})
	remove.Header().Set("Authorization", admin)
	if _, err := c.RemovePeer(ctx, remove); err != nil {
		t.Fatal(err)
	}
	if reason := ann.gone(); reason.GetCode() != protocol.Error_REMOVED {
		t.Errorf("Ann was told %v", reason)
	}
	bob.hears("Ann's leaving", func(m *protocol.ServerMessage) bool { return m.GetPeerLeft().GetPeer() == ann.ID() })
	var reason *protocol.Error
	if _, err := tryEnter(t, url, "tea", by(t, access)); !errors.As(err, &reason) || reason.GetCode() != protocol.Error_BANNED {
		t.Errorf("on coming back, Ann was told %v", err)
	}
}

func TestARoomThatWasEndedBeginsAnew(t *testing.T) {
	abreast(t)
	_, url := runServer(t, nil)
	c, ctx := roomService(url), t.Context()
	ann := enter(t, url, "tea", nil)
	locked := true
	if _, err := c.UpdateRoom(ctx, connect.NewRequest(&protocol.UpdateRoomRequest{Room: "tea", Settings: &protocol.RoomChange{Locked: &locked}})); err != nil {
		t.Fatal(err)
	}
	watch, err := c.WatchRoom(ctx, connect.NewRequest(&protocol.WatchRoomRequest{Room: "tea"}))
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close() //nolint:errcheck // the server ends it
	if !watch.Receive() || !watch.Msg().GetSnapshot().GetRoom().GetSettings().GetLocked() {
		t.Fatalf("the watch began with %v, %v", watch.Msg(), watch.Err())
	}
	if _, err := c.EndRoom(ctx, connect.NewRequest(&protocol.EndRoomRequest{Room: "tea"})); err != nil {
		t.Fatal(err)
	}
	if reason := ann.gone(); reason.GetCode() != protocol.Error_ROOM_ENDED {
		t.Errorf("Ann was told %v", reason)
	}
	for watch.Msg().GetRoomEnded() == nil {
		if !watch.Receive() {
			t.Fatal(watch.Err())
		}
	}
	again := enter(t, url, "tea", nil)
	if again.Joined().GetSettings().GetLocked() || len(again.Joined().GetPeers()) != 0 {
		t.Errorf("the new room is %v", again.Joined())
	}
	for watch.Msg().GetPeerJoined().GetId() != again.ID() {
		if !watch.Receive() {
			t.Fatal(watch.Err())
		}
	}
}

// A server that others reach has no server API before it has keys.
func TestTheServerAPINeedsKeys(t *testing.T) {
	abreast(t)
	_, url := runServer(t, func(c *configs.Config) { c.Access = configs.AccessOpen })
	_, err := roomService(url).ListRooms(t.Context(), connect.NewRequest(&protocol.ListRoomsRequest{}))
	if connect.CodeOf(err) != connect.CodeUnauthenticated || !strings.Contains(err.Error(), "keys") {
		t.Errorf("it was answered %v", err)
	}
}

// What docs/api.md tells people to run does what it says there.
func TestTheServerAPIAsDocumented(t *testing.T) {
	abreast(t)
	for _, needed := range []string{"sh", "curl", "node"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Fatalf("%v: run make setup", err)
		}
	}
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	s, url := runServer(t, func(c *configs.Config) { c.Keys = apiKeys })
	doc := &documented{t: t, environ: map[string]string{
		"HIROBA": url, "TOKEN": apiToken(t, auth.Access{Room: "*", Grants: auth.GrantsOf(protocol.Grant_ADMIN), User: "backend"}),
	}}
	given := regexp.MustCompile(`(?m)^(HIROBA|TOKEN|PEER|TRACK|ALLOCATION)=.*$`)
	for _, match := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		block := given.ReplaceAllString(match[1], "")
		if strings.Contains(block, "() {") {
			doc.prelude += block
		} else if strings.TrimSpace(block) != "" {
			doc.blocks = append(doc.blocks, block)
		}
	}

	doc.run("CreateRoom", `"tea"`, `"name":"tea"`, `"maxPeers":12`, "four o’clock")
	voice := newSource(t, webrtc.MimeTypeOpus, []byte("ann speaks"))
	ann := enter(t, url, "tea", func(c *client.Config) {
		by(t, auth.Access{Room: "tea", Grants: auth.DefaultGrants, User: "ann", Name: "Ann"})(c)
		c.Tracks = []client.LocalTrack{{Track: voice.track, Source: "microphone"}}
	})
	ann.sends()
	doc.environ["PEER"], doc.environ["TRACK"] = ann.ID(), ann.Joined().GetTracks()[0].GetId()

	doc.run("CreateRoom", `"stage"`, `"lobby":true`, `"emptySeconds":3600`)
	doc.run("UpdateRoom", "", `"name":"stage"`)
	doc.run("GetRoom", `"tea"`, `"peers":1`)
	doc.run("ListRooms", "", `"nextPageToken":"stage"`)
	doc.run("ListPeers", "", ann.ID(), `"name":"Ann"`, doc.environ["TRACK"])
	doc.run("GetPeer", "", `"joinedMs":"`, `"user":"ann"`)
	doc.run("UpdatePeer", "", `"role":"host"`, `"ADMIN"`)
	ann.hears("the change", func(m *protocol.ServerMessage) bool { return m.GetPeerUpdated().GetPeer().GetRole() == "host" })
	doc.run("MuteTrack", "", `"muted":true`)
	doc.run("SendMessage", "", `{}`)
	ann.hears("the server", func(m *protocol.ServerMessage) bool { return m.GetMessage().GetText() == "Five minutes left." })
	doc.run("/events", "", ": here\n", `"exists":true`, "id: ")
	doc.run("WatchRoom", "", `"exists":true`)
	doc.run("PublishData", "", `"frames":"2"`)
	ann.until("two frames", func() bool {
		return len(ann.frames) == 2 && ann.frames[0].GetFrom() == "kettle" && string(ann.frames[1].GetPayload()) == "99"
	})
	doc.run("/v1/ice", "", `{"iceServers":[{"urls":["stun:localhost:`, `"username":"`)
	username, password := auth.TURN{Secret: s.secret.signing(), TTL: time.Hour}.Issue("ann", time.Now())
	if relayAs(t, s, username, password) == nil {
		t.Fatal("there is no relayed address")
	}
	hers := func() int { // one of Ann's session is there, too
		return slices.IndexFunc(s.turn.Allocations(), func(a turn.Allocation) bool { return a.User == "ann" })
	}
	doc.environ["ALLOCATION"] = s.turn.Allocations()[hers()].ID
	doc.run("ListAllocations", "", doc.environ["ALLOCATION"], `"user":"ann"`, `"transport":"udp"`)
	doc.run("RemoveAllocation", "", `{}`)
	if hers() >= 0 {
		t.Error("it was not removed")
	}
	doc.run("nowhere", "", `"not_found"`, `There is no room \"nowhere\"`, "curl says 22")
	doc.javaScript(string(text), ann)
	doc.run("RemovePeer", "", `{}`)
	if reason := ann.gone(); reason.GetCode() != protocol.Error_REMOVED {
		t.Errorf("Ann was told %v", reason)
	}
	doc.run("EndRoom", "", `{}`)
	if len(doc.blocks) > 0 {
		t.Errorf("nobody ran %q", doc.blocks)
	}
}

// documented is the commands of a page that were not run yet.
type documented struct {
	t       *testing.T
	environ map[string]string
	prelude string
	blocks  []string
}

// run runs the first command with these words in it, until it has ended or has
// said all that is wanted.
func (d *documented) run(word, other string, want ...string) {
	d.t.Helper()
	for i, block := range d.blocks {
		if strings.Contains(block, word) && strings.Contains(block, other) {
			d.blocks = append(d.blocks[:i:i], d.blocks[i+1:]...)
			d.expect(exec.Command("sh", "-euc", d.prelude+block), want...)
			return
		}
	}
	d.t.Fatalf("there is no %s %s", word, other)
}

// expect runs a command that may go on for ever.
func (d *documented) expect(command *exec.Cmd, want ...string) {
	d.t.Helper()
	command.Env = os.Environ()
	for name, value := range d.environ {
		command.Env = append(command.Env, name+"="+value)
	}
	out := &expected{want: want, said: make(chan struct{})}
	command.Stdout, command.Stderr = out, d.t.Output()
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a shell leaves curl behind
	kill := func() { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
	if err := command.Start(); err != nil {
		d.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case <-out.said:
		kill() // if it has not ended by itself
		<-ended
	case err := <-ended:
		select {
		case <-out.said:
		default:
			d.t.Fatalf("%s\nsaid %q (%v), not all of %q", command.Args, out.text.String(), err, want)
		}
	case <-time.After(patience):
		kill()
		<-ended
		d.t.Fatalf("%s\nsaid %q so far, not all of %q", command.Args, out.text.String(), want)
	}
}

// javaScript reads a room's events as the page says, with a good token and
// with none.
func (d *documented) javaScript(text string, ann *participant) {
	d.t.Helper()
	example := regexp.MustCompile("(?s)```js\n(.*?)```").FindStringSubmatch(text)
	if example == nil {
		d.t.Fatal("there is no example for JavaScript")
	}
	script := example[1] + `
const { HIROBA, TOKEN } = process.env;
await watch(HIROBA, 'tea', TOKEN, (event) => console.log(JSON.stringify(event))).catch((error) => console.log(error.message));
await watch(HIROBA, 'tea', 'x', () => {}).catch((error) => console.log(error.message));
`
	script = strings.Replace(script, "handle(JSON.parse(field('data')));",
		"handle(JSON.parse(field('data'))); if (text.includes('snapshot')) throw new Error('seen enough');", 1)
	command := exec.Command("node", "--input-type=module", "-e", script)
	d.expect(command, `"snapshot":{"exists":true`, fmt.Sprintf("%q", ann.ID()), "seen enough", "the access token is not valid")
}

// expected is a command's output, which says when all that is wanted is in it.
type expected struct {
	mu   sync.Mutex // guards text
	text strings.Builder
	want []string
	said chan struct{} // closed then
}

func (e *expected) Write(data []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text.Write(data)
	// The encoder puts spaces in by chance, so that nobody relies on them.
	plain := strings.NewReplacer(`": `, `":`, `, "`, `,"`).Replace(e.text.String())
	for _, want := range e.want {
		if !strings.Contains(plain, want) {
			return len(data), nil
		}
	}
	select {
	case <-e.said:
	default:
		close(e.said)
	}
	return len(data), nil
}
