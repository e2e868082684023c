package forward_test

import (
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/sfu/forward"
)

func TestKeyframeRequestsAreMerged(t *testing.T) {
	var r forward.KeyframeRequests
	ms := func(n int) time.Time { return start.Add(time.Duration(n) * time.Millisecond) }

	if send, _ := r.Request(ms(0)); !send {
		t.Fatal("the first request waits")
	}
	send, wait := r.Request(ms(100))
	if send || wait != 400*time.Millisecond {
		t.Fatalf("the second request: send %v, wait %v", send, wait)
	}
	if send, wait := r.Request(ms(200)); send || wait != 0 {
		t.Fatalf("the third request: send %v, wait %v", send, wait)
	}
	if !r.Due(ms(500)) {
		t.Fatal("the merged request is not sent")
	}
	if r.Due(ms(500)) {
		t.Fatal("the merged request is sent twice")
	}
	if send, wait := r.Request(ms(600)); send || wait != 400*time.Millisecond {
		t.Fatalf("the next request: send %v, wait %v", send, wait)
	}
	r.Arrived()
	if r.Due(ms(1000)) {
		t.Fatal("a keyframe came meanwhile, and one is asked for all the same")
	}
	if send, _ := r.Request(ms(1100)); !send {
		t.Fatal("a request long after waits")
	}
}
