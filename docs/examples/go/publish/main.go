// Publish plays its standard input to a room: Ogg with one Opus packet in each
// page, as record writes it, or ffmpeg with -c:a libopus -page_duration 20000.
//
//	go run ./docs/examples/go/publish -url http://localhost:8080 -room tea <song.ogg
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/oggreader"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the server")
	name := flag.String("room", "tea", "the room")
	token := flag.String("token", "", "an access token, where the server wants one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := publish(ctx, *url, *name, *token); err != nil {
		log.Fatal(err)
	}
}

func publish(ctx context.Context, url, name, token string) error {
	pages, _, err := oggreader.NewWith(os.Stdin)
	if err != nil {
		return err
	}
	track, err := webrtc.NewTrackLocalStaticSample(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus}, "audio", "song")
	if err != nil {
		return err
	}
	room, err := client.Join(ctx, client.Config{
		Options: client.Options{URL: url, Token: func(context.Context) (string, error) { return token, nil }},
		Room:    name, Name: "publish",
	})
	if err != nil {
		return err
	}
	defer room.Leave(context.WithoutCancel(ctx)) //nolint:errcheck // the server finds out by itself
	published, err := room.Publish(ctx, client.LocalTrack{Track: track, Source: "microphone"})
	if err != nil {
		return err
	}
	fmt.Println("publishing", published.GetId())
	<-room.Connected() // nothing goes by unheard
	for last := uint64(0); room.Err() == nil; {
		packet, page, err := pages.ParseNextPage()
		if err != nil {
			return nil //nolint:nilerr // the song has ended
		}
		length := time.Duration(page.GranulePosition-last) * time.Second / 48000
		last = page.GranulePosition
		if length == 0 {
			continue // a header
		}
		if err := track.WriteSample(media.Sample{Data: packet, Duration: length}); err != nil {
			return err
		}
		select {
		case <-time.After(length):
		case <-ctx.Done():
			return nil
		}
	}
	return room.Err()
}
