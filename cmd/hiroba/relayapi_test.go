package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/auth"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
	"github.com/hiroba-rtc/hiroba/signaling/protocol/protocolconnect"
)

// Back ends list and end the allocations of a relay alone with a token; pages of
// other origins do not.
func TestTheServerAPIOfARelayAlone(t *testing.T) {
	s := runRelay(t, func(c *configs.Config) { c.Keys = apiKeys })
	username, password := auth.TURN{Secret: s.secret.signing(), TTL: time.Hour}.Issue("ann", time.Now())
	if relayAs(t, s, username, password) == nil {
		t.Fatal("there is no relayed address")
	}
	c := protocolconnect.NewRelayServiceClient(http.DefaultClient, fmt.Sprintf("http://127.0.0.1:%d", s.port.Port()))
	list := func(headers ...string) (*connect.Response[protocol.ListAllocationsResponse], error) {
		request := connect.NewRequest(&protocol.ListAllocationsRequest{})
		for i := 0; i < len(headers); i += 2 {
			request.Header().Set(headers[i], headers[i+1])
		}
		return c.ListAllocations(t.Context(), request)
	}
	admin := "Bearer " + apiToken(t, auth.Access{Room: "*", Grants: auth.GrantsOf(protocol.Grant_ADMIN)})
	if _, err := list(); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("without a token: %v", err)
	}
	if _, err := list("Authorization", admin, "Origin", "https://elsewhere.example"); err == nil {
		t.Error("a page from elsewhere is answered")
	}
	answer, err := list("Authorization", admin)
	if err != nil || len(answer.Msg.GetAllocations()) != 1 || answer.Msg.GetAllocations()[0].GetUser() != "ann" {
		t.Fatalf("it was answered %v, %v", answer, err)
	}
	remove := connect.NewRequest(&protocol.RemoveAllocationRequest{Id: answer.Msg.GetAllocations()[0].GetId()})
	remove.Header().Set("Authorization", admin)
	if _, err := c.RemoveAllocation(t.Context(), remove); err != nil || len(s.turn.Allocations()) != 0 {
		t.Errorf("%v are left, %v", s.turn.Allocations(), err)
	}
}

// A back end hears of the allocations of a relay alone, and what they relayed;
// of those that end with the server, too.
func TestABackEndHearsOfAllocations(t *testing.T) {
	abreast(t)
	heard := make(chan *protocol.RoomEvent, 100)
	backEnd := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var batch struct{ Events []json.RawMessage }
		if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
			t.Error(err)
		}
		for _, data := range batch.Events {
			event := &protocol.RoomEvent{}
			if err := protocol.JSON.Unmarshal(data, event); err != nil {
				t.Error(err)
			}
			heard <- event
		}
	}))
	t.Cleanup(backEnd.Close)
	var last uint64
	next := func() *protocol.RoomEvent {
		t.Helper()
		select {
		case event := <-heard:
			if event.GetSeq() <= last || event.GetRoom() != "" || time.Since(time.UnixMilli(event.GetAtMs())) > time.Minute {
				t.Errorf("after %d comes %v", last, event)
			}
			last = event.GetSeq()
			return event
		case <-time.After(patience):
			t.Fatal("nothing was heard")
			return nil
		}
	}

	s := runRelay(t, func(c *configs.Config) {
		c.Webhook.URLs, c.Webhook.Secret, c.Webhook.AllowPrivate = []string{backEnd.URL}, "a secret of more than thirty-two bytes", true
		c.TURN.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	peer, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	if err := peer.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	username, password := auth.TURN{Secret: s.secret.signing(), TTL: time.Hour}.Issue("ann", time.Now())
	for reason, end := range map[protocol.AllocationEnded_Reason]func(net.PacketConn, string){
		protocol.AllocationEnded_RETURNED: func(relayed net.PacketConn, _ string) { _ = relayed.Close() },
		protocol.AllocationEnded_REMOVED:  func(_ net.PacketConn, id string) { s.turn.Remove(id) },
	} {
		relayed := relayAs(t, s, username, password)
		if relayed == nil {
			t.Fatal("there is no relayed address")
		}
		began := next().GetAllocationBegan()
		if began.GetUser() != "ann" || began.GetTransport() != "udp" || len(began.GetRelayed()) != 1 || began.GetRelayed()[0] != relayed.LocalAddr().String() {
			t.Errorf("the beginning is told as %v", began)
		}
		if _, err := relayed.WriteTo([]byte("hello"), peer.LocalAddr()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := peer.ReadFrom(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		end(relayed, began.GetId())
		ended := next().GetAllocationEnded()
		if a := ended.GetAllocation(); ended.GetReason() != reason || a.GetId() != began.GetId() || a.GetUser() != "ann" ||
			a.GetToPeers().GetPackets() != 1 || a.GetToPeers().GetBytes() != 5 || a.GetFromPeers().GetPackets() != 0 {
			t.Errorf("%v is told as %v", reason, ended)
		}
	}

	relayAs(t, s, username, password)
	began := next().GetAllocationBegan()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := s.close(ctx); err != nil {
		t.Error(err)
	}
	if ended := next().GetAllocationEnded(); ended.GetReason() != protocol.AllocationEnded_STOPPED || ended.GetAllocation().GetId() != began.GetId() {
		t.Errorf("the server's end is told as %v", ended)
	}
}

// A stop with relays open does not wait for back ends that do not answer until
// its time is over, ends well, and leaves a word in the log of what they missed.
func TestAStopWithWebhooksThatAreNotTaken(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	hangs, release := make(chan struct{}, 10), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		hangs <- struct{}{}
		<-release
	}))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(release) })
	var log strings.Builder // read when all that writes has ended
	config := configs.Default()
	config.Port, config.TURN.Secret = 0, "sixteen letters at least"
	config.Webhook.URLs, config.Webhook.Secret, config.Webhook.AllowPrivate = []string{gone.URL, hanging.URL}, "a secret of more than thirty-two bytes", true
	s, err := startRelay(config, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	username, password := auth.TURN{Secret: s.secret.signing(), TTL: time.Hour}.Issue("ann", time.Now())
	if relayAs(t, s, username, password) == nil {
		t.Fatal("there is no relayed address")
	}
	<-hangs
	const timeout = 4 * time.Second // the default
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if err := s.close(ctx); err != nil {
		t.Errorf("it ends with %v", err)
	}
	if took := time.Since(began); took > timeout-200*time.Millisecond {
		t.Errorf("it took %v of %v", took, timeout)
	}
	for url, reason := range map[string]string{gone.URL: "connection refused", hanging.URL: "no answer until the stop"} {
		if !regexp.MustCompile("not delivered before the stop.* url=" + url + " events=2 reason=.*" + reason).MatchString(log.String()) {
			t.Errorf("nothing is said of %s and %q:\n%s", url, reason, log.String())
		}
	}
}
