package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// A back end hears of all that happens in a room, in order and signed.
func TestABackEndHearsByWebhook(t *testing.T) {
	abreast(t)
	const secret = "a secret of more than thirty-two bytes"
	heard := make(chan []*protocol.RoomEvent, 100)
	backEnd := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(r.Header.Get("Hiroba-Timestamp") + "." + string(body)))
		if want := "v1=" + hex.EncodeToString(mac.Sum(nil)); r.Header.Get("Hiroba-Signature") != want {
			t.Errorf("the signature is %q, want %q", r.Header.Get("Hiroba-Signature"), want)
		}
		var batch struct{ Events []json.RawMessage }
		if err := json.Unmarshal(body, &batch); err != nil {
			t.Error(err)
		}
		var events []*protocol.RoomEvent
		for _, data := range batch.Events {
			event := &protocol.RoomEvent{}
			if err := protocol.JSON.Unmarshal(data, event); err != nil {
				t.Error(err)
			}
			events = append(events, event)
		}
		heard <- events
	}))
	t.Cleanup(backEnd.Close) // after the server, which tells of its relay to the end
	_, url := runServer(t, func(c *configs.Config) {
		c.Webhook.URLs, c.Webhook.Secret, c.Webhook.AllowPrivate = []string{backEnd.URL}, configs.Secret(secret), true
		c.Rooms.Empty = 0
	})
	camera := newSource(t, webrtc.MimeTypeVP8, nil)
	ann := enter(t, url, "tea", func(c *client.Config) {
		c.Tracks = []client.LocalTrack{{Track: camera.track, Source: "camera"}}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := ann.Mute(ctx, ann.Joined().GetTracks()[0].GetId(), true); err != nil {
		t.Fatal(err)
	}
	if err := ann.Leave(ctx); err != nil {
		t.Fatal(err)
	}

	var kinds []string
	var last uint64
	timeout := time.After(patience)
	for !slices.Contains(kinds, "room_ended") {
		select {
		case events := <-heard:
			for _, event := range events {
				if event.GetRoom() == "" { // of the relay
					continue
				}
				if event.GetSeq() <= last {
					t.Errorf("event %d came after %d", event.GetSeq(), last)
				}
				last = event.GetSeq()
				m := event.ProtoReflect()
				kinds = append(kinds, string(m.WhichOneof(m.Descriptor().Oneofs().ByName("event")).Name()))
			}
		case <-timeout:
			t.Fatalf("only %q came", kinds)
		}
	}
	want := "room_started peer_joined track_updated peer_left room_ended"
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("the events were %q, want %q", got, want)
	}
}
