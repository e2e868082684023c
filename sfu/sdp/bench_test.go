package sdp

import (
	"fmt"
	"strings"
	"testing"
)

// hall is the offer of a page in Chromium with 25 slots of each kind.
func hall(b testing.TB) (offer string, l Local) {
	head, rest, _ := strings.Cut(recorded(b, "chromium-slots.offer"), "m=")
	sections := strings.Split(rest, "\r\nm=")
	audio, video := sections[0], sections[4]
	var out strings.Builder
	mids := ""
	l = server
	l.Slots = map[string]SlotIDs{}
	for i := range 50 {
		kind, section, old := "audio", audio, "a=mid:0\r"
		if i >= 25 {
			kind, section, old = "video", video, "a=mid:4\r"
		}
		mid := fmt.Sprintf("s%d", i)
		mids += " " + mid
		stream := fmt.Sprintf("slot-%d", i%25)
		l.Slots[mid] = SlotIDs{SSRC: uint32(1000 + i), RTX: uint32(2000 + i), Stream: stream, Track: stream + "-" + kind}
		out.WriteString("m=" + strings.Replace(section, old, "a=mid:"+mid+"\r", 1) + "\r\n")
	}
	return strings.Replace(head, "BUNDLE 0 1 2 3 4 5 6 7 8", "BUNDLE"+mids, 1) + out.String(), l
}

func BenchmarkRead(b *testing.B) {
	offer, _ := hall(b)
	b.SetBytes(int64(len(offer)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(offer, nil, roomy); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	offer, l := hall(b)
	o := mustRead(b, offer, nil)
	b.SetBytes(int64(len(Answer(o, l))))
	b.ReportAllocs()
	for b.Loop() {
		Answer(o, l)
	}
}

// The worst of 256 KiB: as many lines as fit.
func BenchmarkReadRubbish(b *testing.B) {
	head := offerOf("video sendonly 0")
	for name, line := range map[string]string{
		"attributes": "a=\r\n", "extensions": "a=extmap:1 x\r\n", "ssrcs": "a=ssrc:1\r\n", "groups": "a=ssrc-group:FID 7 8\r\n", "rids": "a=rid:x send\r\n",
	} {
		offer := head + strings.Repeat(line, (MaxBytes-len(head))/len(line))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = Read(offer, nil, roomy)
			}
		})
	}
}
