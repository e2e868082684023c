package client

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4/stdnet"
)

// agent is an ICE agent on loopback, with what it says of itself.
func agent(t *testing.T, options ...ice.AgentOption) (a *ice.Agent, description string, candidates []ice.Candidate) {
	t.Helper()
	a, err := ice.NewAgentWithOptions(append(options,
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}), ice.WithIncludeLoopback(), ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithInterfaceFilter(func(name string) bool { return name == "lo" }), ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	all := make(chan struct{})
	if err := a.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(all)
			return
		}
		candidates = append(candidates, c)
	}); err != nil {
		t.Fatal(err)
	}
	if err := a.GatherCandidates(); err != nil {
		t.Fatal(err)
	}
	<-all
	ufrag, pwd, err := a.GetLocalUserCredentials()
	if err != nil {
		t.Fatal(err)
	}
	return a, fmt.Sprintf("v=0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n", ufrag, pwd), candidates
}

// A library that would not take a path by itself for an hour takes the first one
// that works, and so does a lite server; again after a restart.
func TestPrompt(t *testing.T) {
	system, err := stdnet.NewNet()
	if err != nil {
		t.Fatal(err)
	}
	p := &prompt{Net: system}
	client, offer, places := agent(t, ice.WithNet(p), ice.WithHostAcceptanceMinWait(time.Hour), ice.WithBindingRequestHandler(p.taken))
	server, answer, at := agent(t, ice.WithICELite(true))
	for _, c := range at {
		if err := client.AddRemoteCandidate(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range places {
		if err := server.AddRemoteCandidate(c); err != nil {
			t.Fatal(err)
		}
	}
	p.agreed(offer, answer)
	theirs, ours := credentialsOf(answer), credentialsOf(offer)
	accepted := make(chan error, 1)
	go func() {
		_, err := server.Accept(t.Context(), ours.ufrag, ours.pwd)
		accepted <- err
	}()
	conn, err := client.Dial(t.Context(), theirs.ufrag, theirs.pwd)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("\x80 over it")); err != nil {
		t.Fatal(err)
	}
}

// Only the answer to a check of ours prompts, and only once.
func TestWhatDoesNotPrompt(t *testing.T) {
	var p prompt
	offer, answer := "a\r\na=ice-ufrag:us\r\na=ice-pwd:ours\r\n", "a\na=ice-ufrag:them\na=ice-pwd:theirs\n"
	p.agreed(offer, answer)
	g := p.generation.Load()
	if g.ours != (credentials{"us", "ours"}) || g.theirs != (credentials{"them", "theirs"}) {
		t.Fatalf("read %+v", g)
	}
	message := func(pwd string) []byte {
		m, err := stun.Build(stun.TransactionID, stun.BindingSuccess, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		return m.Raw
	}
	for name, b := range map[string][]byte{
		"somebody else's": message("guess"), "cut off": message("theirs")[:30], "no STUN": bytes.Repeat([]byte{1}, 40),
	} {
		if send, receive := g.answered(b); send != nil || receive != nil {
			t.Errorf("%s prompts", name)
		}
	}
	send, receive := g.answered(message("theirs"))
	if send == nil || receive == nil {
		t.Fatal("an answer does not prompt")
	}
	if send, _ := g.answered(message("theirs")); send != nil {
		t.Error("a second answer prompts")
	}
	p.agreed(offer, answer)
	if p.generation.Load() != g {
		t.Error("the same again is another generation")
	}
	p.agreed(offer, answer+"a=x\n")
	p.agreed(offer, "a\na=ice-ufrag:them\na=ice-pwd:other\n")
	if p.generation.Load() == g {
		t.Error("a restart is no other generation")
	}
	(*prompt)(nil).agreed(offer, answer)
}
