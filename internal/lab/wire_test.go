package lab

import (
	"io"
	"testing"
	"time"
)

// lay starts a wire between two pipes; the test sends into one and reads from
// the other.
func lay(t *testing.T, shape Shape) (wire *Wire, in *io.PipeWriter, out *io.PipeReader) {
	t.Helper()
	from, in := io.Pipe()
	out, to := io.Pipe()
	wire = newWire(to, NewLine(shape, 1))
	ended := make(chan struct{})
	go func() { wire.run(from); close(ended) }()
	t.Cleanup(func() {
		_, _ = in.Close(), out.Close()
		<-ended
	})
	return wire, in, out
}

func send(t *testing.T, in io.Writer, packet string) {
	t.Helper()
	if _, err := in.Write([]byte(packet)); err != nil {
		t.Fatal(err)
	}
}

func receive(t *testing.T, out io.Reader, want string) {
	t.Helper()
	buffer := make([]byte, 100)
	n, err := out.Read(buffer)
	if err != nil || string(buffer[:n]) != want {
		t.Fatalf("got %q, %v; want %q", buffer[:n], err, want)
	}
}

func TestAWireDeliversWhenItsLineSays(t *testing.T) {
	wire, in, out := lay(t, Shape{Delay: 60 * ms})
	began := time.Now()
	send(t, in, "first")
	send(t, in, "second")
	receive(t, out, "first")
	if took := time.Since(began); took < 60*ms || took > 500*ms {
		t.Errorf("the first took %v", took)
	}
	receive(t, out, "second")
	send(t, in, "third")
	receive(t, out, "third")
	if took := time.Since(began); took < 120*ms {
		t.Errorf("the third came after %v", took)
	}
	// The third may not have been noted yet.
	if got := wire.Counts(); got.Packets < 2 || got.Bytes < 11 || got.Took < time.Duration(got.Packets)*60*ms {
		t.Errorf("counted %+v", got)
	}
}

func TestAWireChangesWhilePacketsTravel(t *testing.T) {
	wire, in, out := lay(t, Shape{Delay: 10 * ms})
	send(t, in, "before")
	receive(t, out, "before")
	wire.Change(func(s *Shape) { s.Cut = true })
	wire.send([]byte("severed")) // which, other than send, returns when its fate is known
	wire.Change(func(s *Shape) { s.Cut = false })
	if got := wire.Shape(); got != (Shape{Delay: 10 * ms}) {
		t.Errorf("it is %+v now", got)
	}
	send(t, in, "after")
	receive(t, out, "after")
	if got := wire.Counts(); got.Severed != 1 || got.Packets < 1 {
		t.Errorf("counted %+v", got)
	}
}

func TestAWireEndsWithPacketsOnTheirWay(t *testing.T) {
	_, in, _ := lay(t, Shape{Delay: time.Hour})
	send(t, in, "never")
}
