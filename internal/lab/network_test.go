package lab

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// env asks for the tests that make namespaces.
const env = "HIROBA_LAB"

// request makes a network, or says why it was not asked for or cannot be.
func request(t *testing.T) *Network {
	t.Helper()
	if os.Getenv(env) != "1" {
		t.Skip("make lab runs this")
	}
	n, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func TestClientsReachTheServerThroughTheirLinks(t *testing.T) {
	n := request(t)
	fast, err := n.Join(Shape{Delay: 5 * ms}, Shape{Delay: 5 * ms})
	if err != nil {
		t.Fatal(err)
	}
	slow, err := n.Join(Shape{Delay: 50 * ms, Loss: 0.3}, Shape{Delay: 50 * ms})
	if err != nil {
		t.Fatal(err)
	}
	startProgram(t, n.Server, "echo")
	if got := pingFrom(t, fast); got.Lost != 0 || got.Mean < 10*ms || got.Mean > 90*ms {
		t.Errorf("the fast one: %+v", got)
	}
	if got := pingFrom(t, slow); got.Lost < 10 || got.Lost > 50 || got.Mean < 100*ms || got.Mean > 250*ms {
		t.Errorf("the slow one: %+v", got)
	}
	fast.Up.Change(func(s *Shape) { s.Cut = true })
	if got := pingFrom(t, fast); got.Lost != 100 {
		t.Errorf("after the cut: %+v", got)
	}
	if counts := fast.Up.Counts(); counts.Severed == 0 || counts.Packets == 0 {
		t.Errorf("counted %+v", counts)
	}
}

func TestNothingIsLeftOfANetwork(t *testing.T) {
	t.Run("the network", func(t *testing.T) {
		if _, err := request(t).Join(Shape{}, Shape{}); err != nil {
			t.Fatal(err)
		}
	})
	if os.Getenv(env) != "1" {
		t.Skip("make lab runs this")
	}
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), prefix+strconv.Itoa(os.Getpid())+"-") {
		t.Errorf("there still are\n%s", out)
	}
}
