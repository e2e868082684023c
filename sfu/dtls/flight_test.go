package dtls

import (
	"bytes"
	"context"
	"hash/crc32"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pion/logging"
)

// record is a datagram of the handshake that differs from others.
func record(n byte, size int) []byte {
	d := make([]byte, max(size, shortestHandshakeRecord))
	d[0], d[5] = recordHandshake, n
	return d
}

func sum(d []byte) uint32 { return crc32.ChecksumIEEE(d) }

func TestAFlightIsSaidUntilItIsAcknowledged(t *testing.T) {
	var f flight
	now := time.Now()
	a, b := record(1, 100), record(2, 200)
	f.sent(now, a)
	f.sent(now, b)
	for n, want := range [][]byte{a, b, a, b} { // they take turns
		if got := f.next(200); !bytes.Equal(got, want) {
			t.Fatalf("turn %d says %d", n, got[5])
		}
	}
	for range 3 { // one that is too long has none
		if got := f.next(199); !bytes.Equal(got, a) {
			t.Fatalf("%v is said", got)
		}
	}
	f.acknowledged([]uint32{1, sum(a)})
	if got := f.next(200); !bytes.Equal(got, b) {
		t.Fatalf("%v is said, want the other one", got)
	}
	f.acknowledged([]uint32{sum(b), sum(a)})
	if got := f.next(200); got != nil {
		t.Fatalf("%v is said, but was acknowledged", got)
	}
}

func TestAFlightEndsTheOneBefore(t *testing.T) {
	now := time.Now()
	for name, between := range map[string]func(f *flight, now time.Time) time.Time{
		"when it was answered": func(f *flight, now time.Time) time.Time { f.received(record(9, 20)); return now },
		"when it is repeated":  func(_ *flight, now time.Time) time.Time { return now.Add(flightInterval) },
	} {
		var f flight
		f.sent(now, record(1, 20))
		f.sent(between(&f, now), record(2, 20))
		if len(f.pending) != 1 || f.pending[0][5] != 2 {
			t.Errorf("%s: %d datagrams are kept", name, len(f.pending))
		}
	}
	var f flight
	for n := range byte(3 * maxPending) {
		f.sent(now, record(n, 20))
		f.received(record(100+n, 20))
		f.heard = false // as one long flight
	}
	if len(f.pending) != maxPending || len(f.arrived) != maxArrived {
		t.Errorf("%d datagrams and %d sums are kept", len(f.pending), len(f.arrived))
	}
}

func TestWhatArrivedIsAcknowledgedOnce(t *testing.T) {
	var f flight
	for n := range byte(6) {
		if !f.received(record(n, 20)) || f.received(record(n, 20)) {
			t.Fatalf("datagram %d is new once", n)
		}
	}
	kept := f.arrived
	if want := []uint32{sum(record(2, 20)), sum(record(3, 20)), sum(record(4, 20)), sum(record(5, 20))}; !slices.Equal(kept, want) {
		t.Fatalf("acknowledges %x, want %x", kept, want)
	}
	f.received(record(7, 20))
	if kept[0] != sum(record(2, 20)) {
		t.Fatal("what was handed out has changed")
	}
	f.finish()
	if !f.received(record(7, 20)) || f.next(1000) != nil || f.arrived != nil {
		t.Fatal("something is left when all is over")
	}
	f.sent(time.Now(), record(1, 20))
	if f.pending != nil {
		t.Fatal("something is kept when all is over")
	}
}

// Two ends that reach each other only by what checks and their answers carry
// agree all the same, whichever begins, although every third is lost.
func TestAHandshakeInsideOfChecks(t *testing.T) {
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
	for name, lost := range map[string]int{"a good way": 0, "a lossy way": 3} {
		for _, checking := range []bool{true, false} { // whether the DTLS client makes the checks
			a, b := identity(t), identity(t)
			nowhere := func([]byte) error { return nil }
			client, err := New(Config{Identity: a, Client: true, Remote: []Fingerprint{{"sha-256", b.Fingerprint()}}, Send: nowhere, LoggerFactory: quiet})
			if err != nil {
				t.Fatal(err)
			}
			server, err := New(Config{Identity: b, Remote: []Fingerprint{{"sha-256", a.Fingerprint()}}, Send: nowhere, LoggerFactory: quiet})
			if err != nil {
				t.Fatal(err)
			}
			checks, answers := client, server
			if !checking {
				checks, answers = server, client
			}
			ctx, stop := context.WithCancel(context.Background())
			var checked sync.WaitGroup
			checked.Go(func() {
				tick := time.NewTicker(5 * time.Millisecond)
				defer tick.Stop()
				var data []byte
				var acks []uint32
				for n := 1; ctx.Err() == nil; n++ {
					data, acks = checks.Embedded(data, acks, 1100)
					if lost > 0 && n%lost == 0 {
						data, acks = nil, nil
					} else {
						data, acks = answers.Embedded(data, acks, 1100)
					}
					<-tick.C
				}
			})
			_, _, err = shake(client, server)
			stop()
			checked.Wait()
			if err != nil {
				t.Errorf("%s, checks by the DTLS client %v: %v", name, checking, err)
			}
			_, _ = client.Close(), server.Close()
		}
	}
}

// What was said where nobody heard it is said again where the client is, with no
// timer between.
func TestAFlightIsRepeatedElsewhere(t *testing.T) {
	var mu sync.Mutex
	reached := false
	var client, server *Transport
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled}
	a, b := identity(t), identity(t)
	first := make(chan struct{})
	var once sync.Once
	var err error
	client, err = New(Config{Identity: a, Client: true, Remote: []Fingerprint{{"sha-256", b.Fingerprint()}}, LoggerFactory: quiet, Send: func(d []byte) error {
		mu.Lock()
		defer mu.Unlock()
		if reached {
			server.Receive(bytes.Clone(d))
		}
		once.Do(func() { close(first) })
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	server, err = New(Config{Identity: b, Remote: []Fingerprint{{"sha-256", a.Fingerprint()}}, LoggerFactory: quiet, Send: func(d []byte) error {
		client.Receive(bytes.Clone(d))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	go func() {
		<-first
		mu.Lock()
		reached = true
		mu.Unlock()
		client.Repeat()
	}()
	if _, _, err := shake(client, server); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took >= flightInterval {
		t.Errorf("it took %v, as long as the timer", took)
	}
	_, _ = client.Close(), server.Close()
}
