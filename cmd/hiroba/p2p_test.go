package main

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/hiroba-rtc/hiroba/configs"
)

// largestGap is how long a picture may stand still while media moves between
// the SFU and a direct connection.
const largestGap = 500.0

// meter notes in window.gaps, by peer, the longest time between two pictures
// that a tile shows, and in window.topologies what the server said. A page that
// is too busy to look at each picture is told how many there were.
const meter = `(() => {
	window.gaps = {};
	window.topologies = [hiroba.room.topology];
	hiroba.room.on('topology', (t) => topologies.push(t));
	const seen = new WeakSet();
	const last = {}; // by peer: a tile changes its video when its track changes
	setInterval(() => {
		for (const video of document.querySelectorAll('hiroba-tile:not([data-self]) video')) {
			if (seen.has(video)) continue;
			seen.add(video);
			const peer = video.closest('hiroba-tile').dataset.peer;
			let pictures = 0;
			const shown = (now, { presentedFrames }) => {
				const since = pictures && presentedFrames > pictures ? presentedFrames - pictures : 1;
				if (last[peer]) gaps[peer] = Math.max(gaps[peer] ?? 0, (now - last[peer]) / since);
				last[peer] = now;
				pictures = presentedFrames;
				video.requestVideoFrameCallback(shown);
			};
			video.requestVideoFrameCallback(shown);
		}
	}, 20);
})()`

// stoodStill is for how long a picture stood still at worst since the last
// call, on any of these pages, in milliseconds.
func stoodStill(what string, pages ...*tab) (longest float64) {
	for _, p := range pages {
		p.t.Helper()
		gaps := evaluate[map[string]float64](p, `(() => { const out = gaps; gaps = {}; return out; })()`)
		if len(gaps) == 0 {
			p.t.Errorf("%s: %s shows nobody", what, p.name)
		}
		for peer, gap := range gaps {
			p.t.Logf("%s: the longest gap of %s in %s's picture: %.0f ms", what, p.name, peer, gap)
			longest = max(longest, gap)
		}
	}
	return longest
}

// triesOfPictures is how often a picture may stand still for too long: a
// machine that does something else meanwhile stops one now and then, and what
// the test is about would each time.
const triesOfPictures = 3

// TestTwoPagesConnectDirectly follows a room's media from the SFU to a direct
// connection and back, without a gap that anybody would notice.
func TestTwoPagesConnectDirectly(t *testing.T) {
	_, url := runServer(t, func(c *configs.Config) { c.Rooms.P2PCooldown = time.Second })
	b := startBrowser(t)
	open := func(name string) *tab {
		p := b.open(name, url+"/r/tea", "")
		p.join(name)
		evaluate[any](p, meter)
		return p
	}
	moved := func(pages ...*tab) {
		t.Helper()
		for _, p := range pages {
			p.waits("a direct connection", `topologies.at(-1).moved`)
		}
	}
	ann, bob := open("Ann"), open("Bob")
	for _, p := range []*tab{ann, bob} {
		p.sees(1)
	}
	moved(ann, bob)

	// What the SFU forwards stands still, and the pictures go on.
	forwarded := func() float64 { return metric(t, url, "hiroba_sfu_packets_forwarded_total") }
	ann.waits("pictures over the direct connection", `(window.since ??= performance.now()) + 1000 < performance.now()`)
	before := forwarded()
	if before == 0 {
		t.Fatal("nothing was ever forwarded, or the metric has another name")
	}
	bob.waits("a second of pictures", `(window.since ??= performance.now()) + 1000 < performance.now()`)
	if after := forwarded(); after != before {
		t.Errorf("the SFU forwarded %v packets although the two are connected directly", after-before)
	}
	toDirect, toSFU := stoodStill("moving to the direct connection", ann, bob), math.Inf(1)

	for n := 0; n < triesOfPictures && max(toDirect, toSFU) > largestGap; n++ {
		// A third comes: all three see each other over the SFU.
		cat := open("Cat")
		cat.sees(2)
		cat.waits("both others", `Object.keys(gaps).length === 2`)
		for _, p := range []*tab{ann, bob} {
			p.waits("the SFU", `topologies.at(-1).mode === 'sfu'`)
			p.waits("both others", fmt.Sprintf(`gaps[%q] && Object.keys(gaps).length === 2`, evaluate[string](cat, `hiroba.room.self.id`)))
		}
		toSFU = min(toSFU, stoodStill("a third joining", ann, bob, cat))

		// It leaves: after the cool-down the two are direct again.
		cat.click("leave")
		moved(ann, bob)
		toDirect = min(toDirect, stoodStill("the third leaving", ann, bob))
		cat.close()
	}
	for what, gap := range map[string]float64{"the direct connection": toDirect, "the SFU": toSFU} {
		if gap > largestGap {
			t.Errorf("each time that media moved to %s, a picture stood still for %.0f ms or more", what, gap)
		}
	}

	// A direct connection that dies is given up by itself.
	evaluate[any](ann, `connections.at(-1).close()`)
	for _, p := range []*tab{ann, bob} {
		p.waits("the SFU", `topologies.at(-1).mode === 'sfu'`)
	}
	bob.waits("pictures over the SFU", `(async () => {
		const [sfu] = connections;
		let frames = 0;
		for (const s of (await sfu.getStats()).values()) if (s.type === 'inbound-rtp' && s.kind === 'video') frames = Math.max(frames, s.framesDecoded);
		window.first ??= frames;
		return frames > window.first + 5;
	})()`)
}
