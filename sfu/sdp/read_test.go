package sdp

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// certificate is the fingerprint of one, nobody's.
var certificate = strings.TrimSuffix(strings.Repeat("AB:", 32), ":")

// offerOf writes an offer from lines like "video recvonly a", one per section.
func offerOf(lines ...string) string {
	var out, mids strings.Builder
	for _, line := range lines {
		fields := strings.Fields(line)
		kind, direction, mid := fields[0], fields[1], fields[2]
		port := 9
		if direction == "stopped" {
			port, direction = 0, "inactive"
		} else {
			mids.WriteString(" " + mid)
		}
		protocol, codec := "UDP/TLS/RTP/SAVPF 96", map[string]string{"audio": "opus/48000/2", "video": "VP8/90000"}[kind]
		if kind == "application" {
			protocol = "UDP/DTLS/SCTP webrtc-datachannel"
		}
		fmt.Fprintf(&out, "m=%s %d %s\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=%s\r\na=ice-ufrag:ufrag\r\n", kind, port, protocol, mid, direction)
		if codec != "" {
			fmt.Fprintf(&out, "a=rtpmap:96 %s\r\n", codec)
		}
		if direction == "sendonly" || direction == "sendrecv" {
			out.WriteString("a=ssrc:7 cname:x\r\n")
		}
	}
	return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE" + mids.String() +
		"\r\na=ice-pwd:of-twenty-two-or-more-bytes\r\na=fingerprint:SHA-256 " + strings.ToLower(certificate) +
		"\r\na=setup:actpass\r\n" + out.String()
}

// layered is an offer of one track that declares encodings.
func layered(rids ...string) string {
	offer := offerOf("video sendonly 0")
	for _, rid := range rids {
		offer += "a=rid:" + rid + " send\r\n"
	}
	return offer
}

// mustRead reads an offer that is good.
func mustRead(t testing.TB, offer string, before *Offer) *Offer {
	t.Helper()
	o, err := Read(offer, before, roomy)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// gist is what there is of a section.
type gist struct {
	mid      string
	kind     Kind
	role     Role
	rejected bool
}

func gistsOf(o *Offer) (out []gist) {
	for _, s := range o.Sections {
		out = append(out, gist{s.Mid, s.Kind, s.Role, s.Rejected})
	}
	return out
}

func TestRead(t *testing.T) {
	o := mustRead(t, offerOf("audio sendrecv 0", "video recvonly 1", "video inactive 2", "audio stopped 3", "application sendrecv d", "text inactive 4"), nil)
	want := []gist{
		{"0", Audio, Sending, false}, {"1", Video, Receiving, false}, {"2", Video, Idle, false}, {"3", Audio, Idle, true},
		{"d", OtherKind, Application, false}, {"4", OtherKind, Idle, true},
	}
	if got := gistsOf(o); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if o.Ufrag != "ufrag" || o.Pwd != "of-twenty-two-or-more-bytes" || len(o.Fingerprints) != 1 || o.Fingerprints[0] != (Fingerprint{"sha-256", certificate}) {
		t.Errorf("the client is %+v", o)
	}
	if o.SCTPPort != 5000 || o.MaxMessageSize != 65536 {
		t.Errorf("DataChannels on port %d take %d bytes", o.SCTPPort, o.MaxMessageSize)
	}
	if s := o.Section("1"); s == nil || s.Role != Receiving || s.RTX() {
		t.Errorf("section 1 is %+v", s)
	}
	if o.Section("9") != nil || o.Count(Idle, Video) != 1 {
		t.Error("there are sections that there are not")
	}
}

func TestWhatIsRefused(t *testing.T) {
	good := offerOf("audio sendrecv 0", "video recvonly 1")
	without := func(line string) string { return strings.ReplaceAll(good, line+"\r\n", "") }
	many := func(n int, what string) string {
		var lines []string
		for i := range n {
			lines = append(lines, fmt.Sprintf("%s %d", what, i))
		}
		return offerOf(lines...)
	}
	ssrcs := ""
	for i := range 17 {
		ssrcs += fmt.Sprintf("a=ssrc:%d cname:x\r\n", 100+i)
	}
	for _, tc := range []struct {
		name, offer, says string
		is                error
	}{
		{"nonsense", "nonsense", "does not parse", ErrBadDescription},
		{"too much", good + strings.Repeat("a=x\r\n", 60000), "262144 are allowed", ErrBadDescription},
		{"nothing", offerOf(), "no media section", ErrBadDescription},
		{"nothing that is open", offerOf("audio stopped 0"), "are stopped", ErrBadDescription},
		{"no mid", without("a=mid:1"), "no a=mid", ErrBadDescription},
		{"a mid with a space", strings.Replace(good, "a=mid:1", "a=mid:1 2", 1), "no a=mid", ErrBadDescription},
		{"a long mid", strings.Replace(good, "a=mid:1", "a=mid:"+strings.Repeat("1", 33), 1), "no a=mid", ErrBadDescription},
		{"a mid twice", strings.Replace(good, "a=mid:1", "a=mid:0", 1), `mid "0"`, ErrBadDescription},
		{"an unknown kind", offerOf("text recvonly 0"), `"text"`, ErrBadDescription},
		{"an unknown codec", strings.ReplaceAll(good, "VP8", "theora"), "VP8, VP9", ErrNoCommonCodec},
		{"sound as a picture", strings.ReplaceAll(good, "VP8/90000", "opus/48000/2"), "VP8, VP9", ErrNoCommonCodec},
		{"an unknown protocol", strings.ReplaceAll(good, "UDP/TLS/RTP/SAVPF", "TCP/MSRP"), "TCP/MSRP", ErrBadDescription},
		{"no ssrc", without("a=ssrc:7 cname:x"), "a=ssrc", ErrBadDescription},
		{"an ssrc that is none", strings.ReplaceAll(good, "a=ssrc:7", "a=ssrc:x"), "a=ssrc", ErrBadDescription},
		{"many ssrcs", offerOf("video sendonly 0") + ssrcs, "16 SSRCs", ErrBadDescription},
		{"a rid declared twice", layered("q", "q"), "a rid twice", ErrBadDescription},
		{"a rid listed twice", layered("q", "h") + "a=simulcast:send q;h;q\r\n", "a rid twice", ErrBadDescription},
		{"five rids", layered("a", "b", "c", "d", "e"), "5 encodings", ErrBadDescription},
		{"five listed rids", layered("a") + "a=simulcast:send a;b;c;d;e\r\n", "5 encodings", ErrBadDescription},
		{"a rid of strange letters", layered("é") + "a=simulcast:send é\r\n", `rid "é"`, ErrBadDescription},
		{"a long rid", layered(strings.Repeat("q", 17)) + "a=simulcast:send " + strings.Repeat("q", 17) + "\r\n", "1 to 16", ErrBadDescription},
		{"sound in sizes", offerOf("audio sendonly 0") + "a=rid:q send\r\na=simulcast:send q\r\n", "one encoding", ErrBadDescription},
		{"candidates without end", good + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 1 typ host\r\n", 300), "300 candidates", ErrBadDescription},
		{"sections without end", many(133, "video stopped"), "133 media sections", ErrBadDescription},
		{"many slots", many(26, "video recvonly"), "26 receiving video", ErrBadDescription},
		{"many tracks", many(9, "video sendonly"), "9 sending", ErrBadDescription},
		{"a second application", offerOf("application sendrecv a", "application sendrecv b"), "two application", ErrBadDescription},
		{"data of another kind", strings.Replace(offerOf("application sendrecv a"), "webrtc-datachannel", "x", 1), "webrtc-datachannel", ErrBadDescription},
		{"no bundle", without("a=group:BUNDLE 0 1"), `"1" is not in a=group:BUNDLE`, ErrBadDescription},
		{"half a bundle", strings.Replace(good, "BUNDLE 0 1", "BUNDLE 1", 1), `"0" is not in a=group:BUNDLE`, ErrBadDescription},
		{"no ufrag", without("a=ice-ufrag:ufrag"), "a=ice-ufrag", ErrBadDescription},
		{"a ufrag of two", strings.ReplaceAll(good, "a=ice-ufrag:ufrag", "a=ice-ufrag:u:frag"), "a=ice-ufrag", ErrBadDescription},
		{"no pwd", without("a=ice-pwd:of-twenty-two-or-more-bytes"), "a=ice-pwd", ErrBadDescription},
		{"no fingerprint", strings.Replace(good, "SHA-256", "md5", 1), "a=fingerprint", ErrBadDescription},
		{"half a fingerprint", strings.Replace(good, ":ab\r\n", "\r\n", 1), "a=fingerprint", ErrBadDescription},
		{"an unknown setup", strings.Replace(good, "actpass", "holdconn", 1), "holdconn", ErrBadDescription},
		{"another lite one", strings.Replace(good, "a=setup:", "a=ice-lite\r\na=setup:", 1), "ice-lite", ErrBadDescription},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Read(tc.offer, nil, roomy)
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v", err)
			}
			if len(err.Error()) > 400 {
				t.Fatalf("it takes %d bytes to say so", len(err.Error()))
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
		{"the same again", []string{"audio recvonly 0"}, []string{"audio recvonly 0"}, ""},
		{"one more", []string{"audio recvonly 0"}, []string{"audio recvonly 0", "video sendonly 1"}, ""},
		{"a slot stopped", []string{"audio recvonly 0"}, []string{"audio inactive 0"}, ""},
		{"a slot used again", []string{"audio inactive 0"}, []string{"audio recvonly 0"}, ""},
		{"a slot used as a track", []string{"audio inactive 0"}, []string{"audio sendonly 0"}, ""},
		{"a stopped section used for something else", []string{"audio recvonly 1", "audio stopped 0"}, []string{"audio recvonly 1", "video sendonly new"}, ""},
		{"all stopped", []string{"audio recvonly 0"}, []string{"audio stopped 0"}, ""},
		{"one fewer", []string{"audio recvonly 0", "video recvonly 1"}, []string{"audio recvonly 0"}, "keep them"},
		{"another mid", []string{"audio recvonly 0"}, []string{"audio recvonly new"}, "keep it"},
		{"a slot becomes a track", []string{"audio recvonly 0"}, []string{"audio sendonly 0"}, "inactive first"},
		{"a track becomes a slot", []string{"audio sendrecv 0"}, []string{"audio recvonly 0"}, "inactive first"},
		{"sound becomes a picture", []string{"audio sendrecv 0"}, []string{"video sendrecv 0"}, "inactive first"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := mustRead(t, offerOf(tc.before...), nil)
			after, err := Read(offerOf(tc.after...), before, roomy)
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Fatalf("got %v", err)
			}
			if err == nil && (after.Ufrag != before.Ufrag || after.Pwd != before.Pwd || !reflect.DeepEqual(after.Fingerprints, before.Fingerprints)) {
				t.Errorf("the client was %+v and is %+v", before, after)
			}
		})
	}
}

func TestWhoBeginsWithDTLS(t *testing.T) {
	offer := offerOf("audio recvonly 0")
	say := func(setup string) string { return strings.Replace(offer, "actpass", setup, 1) }
	for _, tc := range []struct {
		first, then string
		active      bool
		refused     bool
	}{
		{"actpass", "actpass", true, false},
		{"actpass", "passive", true, false},
		{"actpass", "active", true, true},
		{"active", "active", false, false},
		{"active", "actpass", false, false},
		{"active", "passive", false, true},
		{"passive", "actpass", true, false},
	} {
		t.Run(tc.first+" "+tc.then, func(t *testing.T) {
			before := mustRead(t, say(tc.first), nil)
			after, err := Read(say(tc.then), before, roomy)
			if before.Active != tc.active || (err != nil) != tc.refused || err == nil && after.Active != tc.active {
				t.Fatalf("the server is active: %v, then %+v, %v", before.Active, after, err)
			}
			role := map[bool]string{true: "active", false: "passive"}[before.Active]
			if answer := Answer(before, Local{}); !strings.Contains(answer, "a=setup:"+role+"\r\n") {
				t.Errorf("it answers\n%s", answer)
			}
		})
	}
	if _, err := Read(strings.Replace(offer, ":ab:", ":cd:", 1), mustRead(t, offer, nil), roomy); err == nil || !strings.Contains(err.Error(), "new certificate") {
		t.Errorf("another certificate: %v", err)
	}
	restarted := mustRead(t, strings.ReplaceAll(offer, "ice-ufrag:ufrag", "ice-ufrag:fresh"), mustRead(t, offer, nil))
	if restarted.Ufrag != "fresh" {
		t.Errorf("after an ICE restart the client is %q", restarted.Ufrag)
	}
}

// A section with the port 0 was stopped, unless it says that its packets go
// with another's, as all of Firefox's but the first do.
func TestSectionsThatAreOnlyBundled(t *testing.T) {
	plain := offerOf("audio recvonly 0", "video recvonly 1", "video sendonly 2", "video inactive 3")
	zero := strings.ReplaceAll(plain, "m=video 9 ", "m=video 0 ")
	bundled := strings.ReplaceAll(zero, "a=rtpmap:96 VP8", "a=bundle-only\r\na=rtpmap:96 VP8")
	for _, tc := range []struct {
		name, offer string
		want        []gist
	}{
		{"stopped", zero, []gist{{"0", Audio, Receiving, false}, {"1", Video, Idle, true}, {"2", Video, Idle, true}, {"3", Video, Idle, true}}},
		{"bundled", bundled, []gist{{"0", Audio, Receiving, false}, {"1", Video, Receiving, false}, {"2", Video, Sending, false}, {"3", Video, Idle, false}}},
	} {
		if got := gistsOf(mustRead(t, tc.offer, nil)); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: got %+v, want %+v", tc.name, got, tc.want)
		}
	}
}

// What an offer says of the transport counts where it says it of the tagged
// section, the first one that is still open.
func TestTheTaggedSectionSaysHowTheClientIsReached(t *testing.T) {
	offer := offerOf("audio stopped 0", "video recvonly 1", "video recvonly 2")
	offer = strings.Replace(offer, "BUNDLE 1 2", "BUNDLE 0 2 1", 1)
	head, section, _ := strings.Cut(offer, "a=mid:2\r\n")
	section = strings.Replace(section, "a=ice-ufrag:ufrag", "a=ice-ufrag:tagged\r\na=ice-pwd:another-of-twenty-two-bytes\r\na=setup:active", 1)
	o := mustRead(t, head+"a=mid:2\r\n"+section, nil)
	if o.Ufrag != "tagged" || o.Pwd != "another-of-twenty-two-bytes" || o.Active || o.Fingerprints[0].Value != certificate {
		t.Errorf("got %+v", o)
	}
	answer := Answer(o, Local{Candidates: []string{"1 1 udp 1 192.0.2.1 1 typ host"}})
	if !strings.Contains(answer, "a=group:BUNDLE 2 1\r\n") {
		t.Errorf("the bundle is another one:\n%s", answer)
	}
	if _, tagged, _ := strings.Cut(answer, "a=mid:2\r\n"); strings.Count(answer, "a=candidate:") != 1 || !strings.Contains(tagged, "a=candidate:") {
		t.Errorf("the candidates are elsewhere:\n%s", answer)
	}
}

// Most sections have the same codecs, which are kept once.
func TestSectionsShareTheirCodecs(t *testing.T) {
	o := mustRead(t, recorded(t, "chromium-call.offer"), nil)
	first, last := o.Section("4"), o.Section("10")
	if &first.Codecs[0] != &last.Codecs[0] || len(first.Codecs) != 8 {
		t.Errorf("the codecs are %+v and %+v", first.Codecs, last.Codecs)
	}
}
