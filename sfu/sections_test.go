package sfu

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// sdpOf writes an offer from lines like "video recvonly a", one per section.
func sdpOf(lines ...string) string {
	var out strings.Builder
	out.WriteString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n")
	for _, line := range lines {
		fields := strings.Fields(line)
		kind, direction, mid := fields[0], fields[1], fields[2]
		port := 9
		if direction == "stopped" {
			port, direction = 0, "inactive"
		}
		codec := map[string]string{"audio": "opus/48000/2", "video": "VP8/90000"}[kind]
		fmt.Fprintf(&out, "m=%s %d UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=%s\r\na=rtpmap:96 %s\r\n", kind, port, mid, direction, codec)
		if direction == "sendonly" || direction == "sendrecv" {
			out.WriteString("a=ssrc:7 cname:x\r\n")
		}
	}
	return out.String()
}

// layered is an offer of one track that declares encodings.
func layered(rids ...string) string {
	offer := sdpOf("video sendonly 0")
	for _, rid := range rids {
		offer += "a=rid:" + rid + " send\r\n"
	}
	return offer
}

func TestReadOffer(t *testing.T) {
	good := sdpOf("audio sendrecv 0", "video recvonly 1", "video inactive 2", "audio stopped 3")
	got, err := readOffer(good)
	if err != nil {
		t.Fatal(err)
	}
	want := sections{{mid: "0", kind: "audio", role: sending}, {mid: "1", kind: "video", role: receiving}, {mid: "2", kind: "video", role: idle}, {mid: "3", kind: "audio", role: idle}}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("section %d is %+v, want %+v", i, got[i], want[i])
		}
	}
	for _, tc := range []struct {
		name, offer, says string
		is                error
	}{
		{"nonsense", "nonsense", "does not parse", ErrBadDescription},
		{"nothing", sdpOf(), "no media section", ErrBadDescription},
		{"no mid", strings.Replace(good, "a=mid:1\r\n", "", 1), "no a=mid", ErrBadDescription},
		{"a mid twice", strings.Replace(good, "a=mid:1", "a=mid:0", 1), `mid "0"`, ErrBadDescription},
		{"an unknown kind", sdpOf("text recvonly 0"), `"text"`, ErrBadDescription},
		{"an unknown codec", strings.ReplaceAll(good, "VP8", "theora"), "VP8, VP9", ErrNoCommonCodec},
		{"no ssrc", strings.ReplaceAll(good, "a=ssrc:7 cname:x\r\n", ""), "a=ssrc", ErrBadDescription},
		{"a rid declared twice", layered("q", "q"), "a rid twice", ErrBadDescription},
		{"a rid listed twice", layered("q", "h") + "a=simulcast:send q;h;q\r\n", "a rid twice", ErrBadDescription},
		{"five rids", layered("a", "b", "c", "d", "e"), "5 encodings", ErrBadDescription},
		{"candidates without end", good + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n", 300), "300 candidates", ErrBadDescription},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := readOffer(tc.offer)
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestOffersFollowEachOther(t *testing.T) {
	for _, tc := range []struct {
		name          string
		before, after []string
		says          string // "" is yes
	}{
		{"the first", nil, []string{"audio recvonly 0"}, ""},
		{"the same again", []string{"audio recvonly 0"}, []string{"audio recvonly 0"}, ""},
		{"one more", []string{"audio recvonly 0"}, []string{"audio recvonly 0", "video sendonly 1"}, ""},
		{"a slot stopped", []string{"audio recvonly 0"}, []string{"audio inactive 0"}, ""},
		{"a slot used again", []string{"audio inactive 0"}, []string{"audio recvonly 0"}, ""},
		{"a stopped section used for something else", []string{"audio stopped 0"}, []string{"video sendonly new"}, ""},
		{"one fewer", []string{"audio recvonly 0", "video recvonly 1"}, []string{"audio recvonly 0"}, "keep them"},
		{"another mid", []string{"audio recvonly 0"}, []string{"audio recvonly new"}, "keep it"},
		{"a slot becomes a track", []string{"audio recvonly 0"}, []string{"audio sendonly 0"}, "inactive first"},
		{"a track becomes a slot", []string{"audio sendrecv 0"}, []string{"audio recvonly 0"}, "inactive first"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before sections
			if tc.before != nil {
				before, _ = readOffer(sdpOf(tc.before...))
			}
			after, err := readOffer(sdpOf(tc.after...))
			if err != nil {
				t.Fatal(err)
			}
			err = after.follows(before)
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func FuzzReadOffer(f *testing.F) {
	f.Add(sdpOf("audio sendrecv 0", "video recvonly 1"))
	f.Fuzz(func(_ *testing.T, offer string) {
		if s, err := readOffer(offer); err == nil {
			_ = s.follows(s)
		}
	})
}

// A section with the port 0 was stopped, unless it says that its packets go
// with another's, as all of Firefox's but the first do.
func TestSectionsThatAreOnlyBundled(t *testing.T) {
	plain := sdpOf("audio recvonly 0", "video recvonly 1", "video sendonly 2", "video inactive 3")
	zero := strings.ReplaceAll(plain, "m=video 9 ", "m=video 0 ")
	bundled := strings.ReplaceAll(zero, "a=rtpmap:96 VP8", "a=bundle-only\r\na=rtpmap:96 VP8")
	for _, tc := range []struct {
		name, offer string
		want        []role
	}{
		{"stopped", zero, []role{receiving, idle, idle, idle}},
		{"bundled", bundled, []role{receiving, receiving, sending, idle}},
	} {
		got, err := readOffer(tc.offer)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		for i, s := range got {
			if s.role != tc.want[i] {
				t.Errorf("%s: section %d has the role %d, not %d", tc.name, i, s.role, tc.want[i])
			}
		}
	}
}
