package main

import (
	"fmt"
	"testing"
)

// encoded is what a page's camera encodes for the SFU now: "q h f" for all
// sizes.
const encoded = `connections[0].getSenders().flatMap((s) => s.track?.kind === 'video' ? s.getParameters().encodings : [])
	.filter((e) => e.active).map((e) => e.rid).join(' ')`

// demand is what the page was told of its camera: what anybody needs of it.
const demand = `[...hiroba.room.publications.values()].find((p) => p.source === 'camera').demand`

// pictureWidth is how wide the picture is that the page decodes now.
const pictureWidth = `(async () => {
	for (const s of (await connections[0].getStats()).values()) {
		if (s.type === 'inbound-rtp' && s.kind === 'video' && s.framesDecoded) return s.frameWidth;
	}
})()`

// decoded is how many pictures the page has decoded.
const decoded = inboundScript + `.then((s) => Math.max(0, ...s.Frames))`

// turn has a page believe that somebody looks at it, or nobody.
func (p *tab) turn(state string) {
	p.t.Helper()
	evaluate[any](p, fmt.Sprintf(`void (() => {
		Object.defineProperty(document, 'visibilityState', { value: %q, configurable: true });
		document.dispatchEvent(new Event('visibilitychange'));
	})()`, state))
}

// A page sends its camera in three sizes, and of these what somebody shows:
// nothing while nobody looks, and all of it again the moment somebody does.
func TestPageSendsWhatIsShown(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	// The page publishes its camera after it came in, and stops what it encodes when
	// it is told that nobody is there. Until then there may be no sender, or who else
	// sets its parameters puts yesterday's in the place of the SDK's.
	ann.waits("a camera that nobody needs", encoded+` === '' && `+demand+`.paused`)
	// A busy machine would make all sizes smaller.
	evaluate[any](ann, `Promise.all(connections[0].getSenders().filter((s) => s.track?.kind === 'video').map((s) =>
		s.setParameters({ ...s.getParameters(), degradationPreference: 'maintain-resolution' })))`)
	bob.join("Bob")
	bob.waits("the large picture", pictureWidth+`.then((w) => w === 1280)`)

	bob.turn("hidden")
	ann.waits("nothing being sent", encoded+` === '' && `+demand+`.paused`)
	if !evaluate[bool](bob, `Boolean(document.querySelector('hiroba-tile:not([data-self])[data-picture]'))`) {
		t.Error("her last picture is gone from his page")
	}
	frames := evaluate[int](bob, decoded)
	bob.turn("visible")
	bob.waits("the large picture again", `await `+decoded+fmt.Sprintf(`.then((n) => n > %d)`, frames+10)+` && await `+pictureWidth+` === 1280`)

	evaluate[any](bob, `hiroba.room.view([...hiroba.room.peers.values()].flatMap((p) => [...p.tracks.keys()]).map((track) => ({ track, width: 200, height: 112 })))`)
	bob.waits("the small picture", pictureWidth+`.then((w) => w === 320)`)
	ann.waits("the small picture alone", encoded+` === 'q'`)
	if got := evaluate[[]string](ann, demand+`.rids`); len(got) != 1 || got[0] != "q" {
		t.Errorf("she is told that %q are needed", got)
	}
}
