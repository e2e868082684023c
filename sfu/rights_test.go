package sfu

import (
	"testing"

	"github.com/hiroba-rtc/hiroba/internal/dataframe"
)

func TestWithoutSubscribeSlotsAreEmpty(t *testing.T) {
	s := runSFU(t)
	film(t, s, "tea", "ann")
	bob := watch(t, s, "tea", "bob")
	for _, step := range []struct {
		name   string
		rights Rights
		track  string
	}{
		{"all, as from the start", Rights{Subscribe: true, Data: true}, "track of ann"},
		{"taken away", Rights{Data: true}, ""},
		{"and again", Rights{}, ""},
		{"given back", Rights{Subscribe: true}, "track of ann"},
	} {
		bob.peer.Allow(step.rights)
		slots := bob.told.lastSlots()
		if len(slots) != 1 || slots[0].Mid != "0" || slots[0].Track != step.track || slots[0].Why != Flowing {
			t.Fatalf("%s: told %+v", step.name, slots)
		}
		settle(s)
		if step.track != "" {
			bob.sees(t, 10)
			continue
		}
		forwarded := counted(t, s, "hiroba_sfu_packets_forwarded_total", "")
		taken := counted(t, s, "hiroba_sfu_packets_received_total", "")
		until(t, "packets of the publisher", func() bool {
			return counted(t, s, "hiroba_sfu_packets_received_total", "") > taken+20
		})
		settle(s)
		if n := counted(t, s, "hiroba_sfu_packets_forwarded_total", ""); n != forwarded {
			t.Fatalf("%s: %d packets were forwarded", step.name, n-forwarded)
		}
	}
}

func TestWithoutDataFramesAreDropped(t *testing.T) {
	s := runSFU(t)
	ann, bob := chat(t, s, "tea", "ann"), chat(t, s, "tea", "bob")
	ann.peer.Allow(Rights{Subscribe: true})
	ann.say(labelReliable, &dataframe.DataFrame{Topic: "dropped"})
	ann.say(labelLossy, &dataframe.DataFrame{Topic: "dropped"})
	until(t, "both being counted", func() bool {
		return counted(t, s, "hiroba_sfu_data_frames_total", "not granted") == 2
	})
	bob.say(labelReliable, &dataframe.DataFrame{Topic: "to ann"})
	if f := ann.hears(); f.GetTopic() != "to ann" || f.GetFrom() != "bob" {
		t.Fatalf("ann heard %v", f)
	}
	ann.peer.Allow(Rights{Data: true})
	ann.say(labelReliable, &dataframe.DataFrame{Topic: "to bob"})
	if f := bob.hears(); f.GetTopic() != "to bob" || f.GetFrom() != "ann" {
		t.Fatalf("bob heard %v", f)
	}
}
