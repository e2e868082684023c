package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
	"github.com/hiroba-rtc/hiroba/signaling/protocol"
)

// Of many that go on with a session at the same moment, in whichever ways, one
// has it in the end, and hears each message once.
func TestManyGoOnWithOneSession(t *testing.T) {
	_, url := runServer(t, generous)
	ann := talk(t, url, viaWebSocket, nil)
	bob := talk(t, url, viaWebSocket, nil)
	ticket := bob.Ticket()
	_ = bob.Close()
	all := ways()
	var racing sync.WaitGroup
	links := make([]*talker, 3*len(all))
	for i := range links {
		racing.Go(func() {
			// Who comes too late is told that its token is nobody's.
			links[i], _ = tryTalk(t, url, all[i%len(all)], returning(ticket))
		})
	}
	racing.Wait()
	var last *talker
	eventually(t, "all but one to be fenced", func() bool {
		left := 0
		for _, link := range links {
			if link == nil {
				continue
			}
			select {
			case <-link.Done():
			default:
				left++
				last = link
			}
		}
		if left == 0 {
			t.Fatal("nobody has the session")
		}
		return left == 1
	})
	for i := range 10 {
		ann.say(fmt.Sprint(i))
		last.say(fmt.Sprint(i))
	}
	last.hearsAll(ann.id, 10)
	ann.hearsAll(bob.id, 10)
}

// Streams and polls that are opened one after the other for one session cost
// no more than the last one, and who opens too many a second is refused.
func TestFloodsOfStreamsAndPolls(t *testing.T) {
	for name, header := range map[string]string{"streams": "Accept: text/event-stream\r\n", "polls that wait": ""} {
		t.Run(name, func(t *testing.T) {
			s, url := runServer(t, func(c *configs.Config) { c.Limits.RequestsPerSecond = 50 })
			ann := openByRequest(t, url, "").join()
			bob := openByRequest(t, url, "").join()
			ann.poll("0")
			const requests = 400
			conns := make([]*bufio.Reader, requests)
			for i := range conns {
				if i%32 == 0 { // as many as the port holds until they are accepted
					eventually(t, "the connections to be accepted", func() bool {
						return metric(t, url, `hiroba_port_tcp_connections_total{protocol="http"}`) >= float64(i)
					})
				}
				conn, err := net.Dial("tcp", s.address())
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				_ = conn.SetReadDeadline(time.Now().Add(patience))
				fmt.Fprintf(conn, "GET /v1/signal/%s?after=%d&wait=25s HTTP/1.1\r\nHost: localhost\r\n%sAuthorization: Bearer %s\r\n\r\n", ann.id, ann.after, header, ann.resume)
				conns[i] = bufio.NewReader(conn)
			}
			answers, left := map[string]int{}, make(chan string, requests)
			for _, conn := range conns {
				go func() {
					response, err := http.ReadResponse(conn, nil)
					if err != nil {
						left <- err.Error()
						return
					}
					left <- response.Status
					_, _ = io.Copy(io.Discard, response.Body) // to the end of a stream
					left <- "end"
				}()
			}
			// All have ended but the last that was let in.
			for ends := 0; ends < requests-1; {
				select {
				case status := <-left:
					answers[status]++
					if status == "end" {
						ends++
					}
				case <-time.After(patience):
					t.Fatalf("only so many were answered: %v", answers)
				}
			}
			refused := answers["429 Too Many Requests"]
			if refused == 0 || answers["end"] > requests-1 {
				t.Errorf("they were answered %v", answers)
			}
			if n := refusals(t, url, protocol.Error_TOO_MANY_MESSAGES); n != float64(refused) {
				t.Errorf("%d were refused and %v counted", refused, n)
			}
			// The address has its rate back in a moment.
			eventually(t, "somebody else to be heard", func() bool {
				response, _ := bob.ask("POST", "", `{"seq":"2","message":{"text":"still here"}}`)
				return response.StatusCode == http.StatusOK
			})
		})
	}
}
