// Record writes what is said in a room into an Ogg file until it is interrupted.
//
//	go run ./docs/examples/go/record -url http://localhost:8080 -room tea talk.ogg
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync"

	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media/oggwriter"

	"github.com/hiroba-rtc/hiroba/signaling/client"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the server")
	name := flag.String("room", "tea", "the room")
	token := flag.String("token", "", "an access token, where the server wants one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := record(ctx, *url, *name, *token, flag.Arg(0)); err != nil {
		log.Fatal(err)
	}
}

func record(ctx context.Context, url, name, token, path string) error {
	file, err := oggwriter.New(path, 48000, 2)
	if err != nil {
		return err
	}
	var writing sync.WaitGroup
	failed := make(chan error, 1)
	room, err := client.Join(ctx, client.Config{
		Options: client.Options{URL: url, Token: func(context.Context) (string, error) { return token, nil }},
		Room:    name, Name: "record",
		AudioSlots: 1, // so there is one stream to write: of who speaks
		OnTrack: func(_ string, stream *webrtc.TrackRemote) {
			writing.Add(1)
			defer writing.Done()
			failed <- write(stream, file)
		},
	})
	if err != nil {
		return errors.Join(err, file.Close())
	}
	select {
	case <-ctx.Done():
	case <-room.Done():
	case err = <-failed:
	}
	err = errors.Join(err, room.Leave(context.WithoutCancel(ctx)))
	writing.Wait() // the stream ends with the room
	return errors.Join(err, file.Close())
}

// write writes a stream until it ends. Whatever track is in the slot, it is one
// stream with one clock.
func write(stream *webrtc.TrackRemote, file *oggwriter.OggWriter) error {
	for n := 0; ; n++ {
		packet, _, err := stream.ReadRTP()
		if err != nil {
			return nil //nolint:nilerr // the stream has ended
		}
		if err := file.WriteRTP(packet); err != nil {
			return err
		}
		if n == 100 {
			fmt.Println("recorded 100 packets")
		}
	}
}
