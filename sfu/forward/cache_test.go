package forward_test

import (
	"testing"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

func TestCacheKeepsTheNewest(t *testing.T) {
	c := forward.NewCache[int](4)
	for i := range 6 {
		seq := uint16(65533 + i) // wraps
		replaced, ok := c.Put(seq, i)
		if ok != (i >= 4) || ok && replaced != i-4 {
			t.Fatalf("Put(%d) replaced %d, %v", seq, replaced, ok)
		}
	}
	for i := range 6 {
		seq := uint16(65533 + i)
		if got, ok := c.Get(seq); ok != (i >= 2) || ok && got != i {
			t.Fatalf("Get(%d) = %d, %v", seq, got, ok)
		}
	}
	var drained []int
	c.Drain(func(p int) { drained = append(drained, p) })
	if len(drained) != 4 {
		t.Fatalf("drained %v", drained)
	}
	if _, ok := c.Get(2); ok {
		t.Fatal("a drained cache still has a packet")
	}
}
