package main

import (
	"math"
	"slices"
	"testing"
)

// playout is how much later the sound of the page's one other peer plays than
// its picture, by the publisher's clock, in milliseconds: what the browser's
// synchronization leaves. null before it is known.
const playout = `(async () => {
	for (const pc of window.connections) {
		const inbound = [...(await pc.getStats()).values()].filter((s) => s.type === 'inbound-rtp' && s.estimatedPlayoutTimestamp);
		const [audio, video] = ['audio', 'video'].map((kind) => inbound.find((s) => s.kind === kind && s.packetsReceived > 50));
		if (audio && video) return audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp;
	}
	return null;
})()`

// Sound and picture of one peer play together: they sit in slots of one index,
// and the publisher's clocks are passed on.
func TestLipsAreInSync(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")
	bob.sees(1)
	bob.waits("sound and picture to find each other", playout+`.then((ms) => ms !== null && Math.abs(ms) < 40)`)
	var offsets []float64
	for range 20 {
		offsets = append(offsets, math.Abs(evaluate[float64](bob, `new Promise((done) => setTimeout(done, 100)).then(() => `+playout+`)`)))
	}
	slices.Sort(offsets)
	t.Logf("sound and picture are apart by %.0f ms (median), %.0f ms (p90)", offsets[10], offsets[18])
	if offsets[10] >= 40 {
		t.Errorf("half of the time sound and picture are apart by more than %.0f ms; 40 is the most", offsets[10])
	}
}
