package main

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// tether is a way to a server that can be cut.
type tether struct {
	url, target string
	broken      atomic.Bool
	loops       sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]bool
}

func newTether(t testing.TB, server string) *tether {
	t.Helper()
	at, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &tether{url: "http://" + listener.Addr().String(), target: at.Host, conns: map[net.Conn]bool{}}
	w.loops.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			w.loops.Go(func() { w.carry(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		w.cut()
		w.loops.Wait()
	})
	return w
}

func (w *tether) carry(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", w.target)
	if err != nil {
		return
	}
	defer far.Close()
	w.mu.Lock()
	if w.broken.Load() {
		w.mu.Unlock()
		return
	}
	w.conns[near] = true
	w.mu.Unlock()
	back := make(chan struct{})
	go func() {
		defer close(back)
		_, _ = io.Copy(near, far)
		_ = near.Close()
	}()
	_, _ = io.Copy(far, near)
	_ = far.Close()
	<-back
	w.mu.Lock()
	delete(w.conns, near)
	w.mu.Unlock()
}

// cut breaks what goes over it, and refuses what comes.
func (w *tether) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken.Store(true)
	for conn := range w.conns {
		_ = conn.Close()
	}
}

func (w *tether) mend() { w.broken.Store(false) }
