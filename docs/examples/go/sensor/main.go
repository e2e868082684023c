// Sensor tells a room a value every second, over gRPC and without any media:
// a session is all that it takes. It answers those who ask for its unit.
//
//	go run ./docs/examples/go/sensor -url http://localhost:8080 -room tea
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/metrics"
	"time"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the server")
	name := flag.String("room", "tea", "the room")
	token := flag.String("token", "", "an access token, where the server wants one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, *url, *name, *token); err != nil {
		log.Fatal(err)
	}
}

func measure(ctx context.Context, url, name, token string) error {
	asked := make(chan *protocol.Message, 16)
	link, err := client.Dial(ctx, client.Options{
		URL: url, Transport: client.GRPC,
		Token: func(context.Context) (string, error) { return token, nil },
		Handle: func(m *protocol.ServerMessage) {
			if m.GetMessage().GetTopic() == "unit" && len(asked) < cap(asked) {
				asked <- m.GetMessage()
			}
		},
	})
	if err != nil {
		return err
	}
	defer link.Close()
	answer, err := link.Request(ctx, &protocol.ClientMessage{Body: &protocol.ClientMessage_Join{
		Join: &protocol.Join{Room: name, Name: "sensor"},
	}})
	if err != nil {
		return err
	}
	fmt.Println("measuring as", answer.GetJoined().GetPeer())
	seconds := time.NewTicker(time.Second)
	defer seconds.Stop()
	heap := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	for {
		out := &protocol.Message{Topic: "memory"}
		select {
		case question := <-asked:
			out = &protocol.Message{To: []string{question.GetFrom()}, Topic: "unit", Text: "bytes", Answers: question.GetAsk()}
		case <-seconds.C:
			metrics.Read(heap)
			out.Text = fmt.Sprint(heap[0].Value.Uint64())
		case <-link.Done():
			return link.Err()
		case <-ctx.Done():
			return nil
		}
		// It waits for the connection, should that be cut; a value that does not
		// find room is not worth waiting for.
		if err := link.Send(&protocol.ClientMessage{Body: &protocol.ClientMessage_Message{Message: out}}); err != nil && !errors.Is(err, client.ErrQueueFull) {
			return err
		}
	}
}
