package main

import (
	"testing"
	"time"
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

// outOfStep notes in window.apart, ten times a second, how far apart sound and
// picture are; offBy is the median of the last two seconds, Infinity before.
const outOfStep = `(() => {
	window.apart = [];
	window.offBy = () => apart.length < 20 ? Infinity : apart.slice(-20).map(Math.abs).sort((a, b) => a - b)[10];
	setInterval(async () => {
		const ms = await ` + playout + `;
		if (ms !== null) apart.push(ms);
	}, 100);
})()`

// Sound and picture of one peer play together: they sit in slots of one index,
// and the publisher's clocks are passed on. A browser brings them together in
// steps, one a second, and each picture that it decodes late is one apart from
// its sound: what counts is what it comes to.
func TestLipsAreInSync(t *testing.T) {
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")
	bob.sees(1)
	evaluate[any](bob, outOfStep)
	began := time.Now()
	bob.waitsFor(time.Minute, "sound and picture that are less than 40 ms apart for most of two seconds", `(window.lastError = offBy() + ' ms') && offBy() < 40`)
	t.Logf("after %.1f s sound and picture are %.0f ms apart (median); each tenth of a second: %.0f",
		time.Since(began).Seconds(), evaluate[float64](bob, `offBy()`), evaluate[[]float64](bob, `apart`))
}
