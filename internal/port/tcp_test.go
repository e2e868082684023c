package port

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A connection that does not say what it is in time is closed, whether it said
// nothing or too little.
func TestSilenceTimesOut(t *testing.T) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	port := newTCP([]*net.TCPListener{listener}, nil, timeouts{time.Millisecond, time.Millisecond}, newCounts(prometheus.NewRegistry(), nil), slog.New(slog.DiscardHandler))
	defer port.close()
	for name, sent := range map[string][]byte{"nothing": nil, "half a header": {0, 1, 0, 0}} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			_, _ = conn.Write(sent) // the server may have closed already
			var timeout net.Error
			if _, err := io.ReadAll(conn); errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatal("the connection is still open")
			}
		})
	}
}
