package sfu

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// Whoever publishes is never in the way of who comes or goes, nor the other way
// round.
func TestPublishWhileOthersComeAndGo(t *testing.T) {
	s := runSFU(t)
	ann, err := s.Join("tea", "ann", &told{})
	if err != nil {
		t.Fatal(err)
	}
	var coming, publishing sync.WaitGroup
	for guest := range 2 {
		coming.Go(func() {
			for range 50 {
				p, err := s.Join("tea", fmt.Sprintf("guest %d", guest), &told{})
				if err != nil {
					t.Error(err)
					return
				}
				p.Close()
			}
		})
	}
	// Should they wait for each other, the test's end would, too.
	stuck := time.AfterFunc(soon, func() { panic("they wait for each other") })
	defer stuck.Stop()
	gone := make(chan struct{})
	publishing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-gone:
				return
			default:
				ann.Publish([]Track{{ID: fmt.Sprintf("track %d", n), Mid: "0", Kind: Audio}})
			}
		}
	})
	coming.Wait()
	close(gone)
	publishing.Wait()
}
