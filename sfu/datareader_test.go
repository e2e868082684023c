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
	for _, size := range []int{0, 1, readBytes - 64, readBytes, 8 * readBytes, 60_000, dataMessageBytes - 64, 1} {
		ann.say(labelReliable, &dataframe.DataFrame{Topic: "size", Payload: bytes.Repeat([]byte{7}, size)})
		if got := bob.hears(); len(got.GetPayload()) != size || bytes.Count(got.GetPayload(), []byte{7}) != size {
			t.Errorf("of %d bytes, %d came", size, len(got.GetPayload()))
		}
	}
}
