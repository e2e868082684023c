package sfu

import (
	"bytes"
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

// Messages arrive whole, whatever their size, and in their order.
func TestMessagesOfAllSizes(t *testing.T) {
	s := runSFU(t)
	ann, bob := chat(t, s, "tea", "ann"), chat(t, s, "tea", "bob")
	sizes := []int{0, 1, readBytes - 64, readBytes, readBytes + 1, 16 << 10, dataMessageBytes - 64, 1}
	for _, label := range []string{labelReliable, labelLossy} {
		for _, size := range sizes {
			ann.say(label, &dataframe.DataFrame{Topic: "size", Payload: bytes.Repeat([]byte{7}, size)})
			if got := bob.hears(); len(got.GetPayload()) != size || bytes.Count(got.GetPayload(), []byte{7}) != size {
				t.Errorf("of %d bytes over the %s channel, %d came", size, label, len(got.GetPayload()))
			}
		}
	}
}
