// Chat says its standard input to a room, and prints what others say there.
//
//	go run ./docs/examples/go/chat -url http://localhost:8080 -room tea -name Ann
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"

	"github.com/hiroba-rtc/hiroba/signaling/client"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

func main() {
	url := flag.String("url", "http://localhost:8080", "the server")
	name := flag.String("room", "tea", "the room")
	token := flag.String("token", "", "an access token, where the server wants one")
	who := flag.String("name", "somebody", "what others call you")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := chat(ctx, *url, *name, *token, *who); err != nil {
		log.Fatal(err)
	}
}

func chat(ctx context.Context, url, name, token, who string) error {
	room, err := client.Join(ctx, client.Config{
		Options: client.Options{
			URL:    url,
			Token:  func(context.Context) (string, error) { return token, nil },
			Handle: show,
		},
		Room: name, Name: who,
		OnWaiting: func() { fmt.Println("* waiting to be let in") },
	})
	if err != nil {
		return err
	}
	fmt.Println("* in the room, with", len(room.Peers()), "others")
	lines := make(chan string)
	go func() { // ends with the program: nothing else ends the reading of a terminal
		defer close(lines)
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			lines <- in.Text()
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return room.Leave(ctx)
			}
			if err := room.Say(ctx, "chat", line); err != nil {
				fmt.Println("*", err)
			}
		case <-room.Done():
			return room.Err()
		case <-ctx.Done():
			return room.Leave(context.WithoutCancel(ctx))
		}
	}
}

func show(m *protocol.ServerMessage) {
	switch {
	case m.GetMessage().GetTopic() == "chat":
		fmt.Printf("%s: %s\n", m.GetMessage().GetFrom(), m.GetMessage().GetText())
	case m.GetPeerJoined() != nil:
		fmt.Printf("* %s (%s) has come\n", m.GetPeerJoined().GetPeer().GetName(), m.GetPeerJoined().GetPeer().GetId())
	case m.GetPeerLeft() != nil:
		fmt.Printf("* %s has left\n", m.GetPeerLeft().GetPeer())
	}
}
