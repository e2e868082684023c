package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"
)

// fileMB is how large a file the pages send each other: what HIROBA_FILE_MB
// says, else 20 MB.
func fileMB(t *testing.T) int {
	t.Helper()
	text := os.Getenv("HIROBA_FILE_MB")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("HIROBA_FILE_MB is %q; a number of megabytes is expected", text)
	}
	return n
}

// makeFile makes a file and its SHA-256. Its send sends it, message by message;
// meanwhile small messages go to and fro.
const makeFile = `(async (size, to) => {
	const { room } = hiroba;
	const bytes = new Uint8Array(size);
	for (let at = 0; at < size; at += 65536) crypto.getRandomValues(bytes.subarray(at, at + 65536));
	const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
	const blob = new Blob([bytes]);
	const file = window.file = { sha256: [...hash].map((x) => x.toString(16).padStart(2, '0')).join(''), answers: [], progress: 0 };
	room.on('data', ({ topic }) => {
		if (topic !== 'pong' || !file.asked) return;
		file.answers.push(performance.now() - file.asked);
		file.asked = 0;
	});
	file.send = async () => {
		const asking = setInterval(() => {
			if (file.asked) return;
			file.asked = performance.now();
			room.send('?', { topic: 'ping', to: [to] });
		}, 100);
		const began = performance.now();
		try {
			for (let at = 0; at < size; at += 16 << 20) {
				await room.send(blob.slice(at, at + (16 << 20)), { topic: 'file', to: [to], onProgress: (sent) => { file.progress = at + sent; } });
			}
			file.seconds = (performance.now() - began) / 1000;
		} catch (error) {
			file.error = String(error);
		} finally {
			clearInterval(asking);
		}
	};
})`

// takeFile puts the messages of a file together again.
const takeFile = `(async () => {
	const { room } = hiroba;
	window.file?.end();
	const file = window.file = { parts: [], bytes: 0, told: 0, end: () => ends.forEach((end) => end()) };
	const ends = [room.on('data-progress', ({ topic, received, total }) => { if (topic === 'file' && received <= total) file.told++; }),
		room.on('data', ({ topic, from, payload }) => {
		if (topic === 'ping') room.send('!', { topic: 'pong', to: [from] });
		if (topic !== 'file') return;
		file.parts.push(payload);
		file.bytes += payload.length;
	})];
	file.sha256 = async () => [...new Uint8Array(await crypto.subtle.digest('SHA-256', await new Blob(file.parts).arrayBuffer()))]
		.map((x) => x.toString(16).padStart(2, '0')).join('');
})()`

// heardAudio is what a page has heard, in samples.
type heardAudio struct{ Total, Concealed float64 }

const heardAudioScript = `(async () => {
	const out = { Total: 0, Concealed: 0 };
	for (const s of (await hiroba.room.stats()).values()) {
		if (s.type !== 'inbound-rtp' || s.kind !== 'audio') continue;
		out.Total += s.totalSamplesReceived ?? 0;
		out.Concealed += s.concealedSamples ?? 0;
	}
	return out;
})()`

// A file goes from one page to another in the middle of their call: it arrives
// whole, the call does not suffer, and small messages do not wait for it.
func TestAFileGoesThroughInACall(t *testing.T) {
	size := fileMB(t) * 1_000_000
	_, url := runServer(t, overSFU)
	b := startBrowser(t)
	ann, bob := b.open("Ann", url+"/r/tea", ""), b.open("Bob", url+"/r/tea", "")
	ann.join("Ann")
	bob.join("Bob")
	ann.sees(1)
	bob.sees(1)

	// A machine that does something else may lose sound by that, before and in
	// between: what the file does to it, it does each time.
	const tries, allowed = 3, 0.02
	madeUp, before := 1.0, 0.0
	for n := 0; n < tries && !(madeUp <= allowed+before); n++ {
		start := listen(ann, bob)
		for _, p := range []*tab{ann, bob} {
			p.waits("three seconds of sound", fmt.Sprintf(`%s.then((s) => s.Total > %.0f + 3 * 48000)`, heardAudioScript, start[p].Total))
		}
		before = madeUpSince(start)
		madeUp = sendFileInACall(t, size, ann, bob)
		t.Logf("%.2f%% of the sound was made up, %.2f%% before that", 100*madeUp, 100*before)
	}
	if !(madeUp <= allowed+before) {
		t.Errorf("while the file went through, %.2f%% of the sound was made up", 100*madeUp)
	}
}

// listen is what pages have heard until now.
func listen(pages ...*tab) map[*tab]heardAudio {
	out := map[*tab]heardAudio{}
	for _, p := range pages {
		out[p] = evaluate[heardAudio](p, heardAudioScript)
	}
	return out
}

// madeUpSince is how much of what pages heard since then was made up, at
// worst; not a number when one heard nothing.
func madeUpSince(start map[*tab]heardAudio) (worst float64) {
	for p, was := range start {
		is := evaluate[heardAudio](p, heardAudioScript)
		worst = max(worst, (is.Concealed-was.Concealed)/(is.Total-was.Total))
	}
	return worst
}

// sendFileInACall sends a file from Ann to Bob and returns how much of the
// sound that they heard meanwhile was made up, at worst.
func sendFileInACall(t *testing.T, size int, ann, bob *tab) (madeUp float64) {
	t.Helper()
	evaluate[any](bob, takeFile)
	evaluate[any](ann, fmt.Sprintf(`%s(%d, %q)`, makeFile, size, evaluate[string](bob, `hiroba.room.self.id`)))
	start := listen(ann, bob)
	pictures := maxOf(bob.inbound().Frames)
	evaluate[any](ann, `void file.send()`)

	// A machine that is busy with other tests does 1 MB/s.
	deadline := time.Now().Add(time.Minute + time.Duration(size/1_000_000)*time.Second)
	for arrived := false; !arrived; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d bytes came; the sender says %s", evaluate[int](bob, `file.bytes`), size,
				evaluate[string](ann, `JSON.stringify({ progress: file.progress, error: file.error })`))
		}
		arrived = evaluate[bool](bob, fmt.Sprintf(`new Promise((resolve) => {
			const end = performance.now() + 5000;
			const look = () => { file.bytes >= %d || performance.now() > end ? resolve(file.bytes >= %[1]d) : setTimeout(look, 50); };
			look();
		})`, size))
	}
	ann.waits("the end of sending", `file.seconds`)
	madeUp = madeUpSince(start)
	seconds := evaluate[float64](ann, `file.seconds`)
	t.Logf("%d MB in %.1f s: %.1f MB/s", size/1_000_000, seconds, float64(size)/1e6/seconds)
	if got := maxOf(bob.inbound().Frames); got < pictures+5 {
		t.Errorf("Bob saw %d pictures in %.1f s", got-pictures, seconds)
	}

	if sent, got := evaluate[string](ann, `file.sha256`), evaluate[string](bob, `file.sha256()`); sent != got {
		t.Errorf("a file of SHA-256 %s came as %s", sent, got)
	}
	if told, done := evaluate[int](bob, `file.told`), evaluate[int](ann, `file.progress`); told < size/65536 || done != size {
		t.Errorf("Bob was told of progress %d times, Ann up to byte %d", told, done)
	}
	answers := evaluate[[]float64](ann, `file.answers.sort((a, b) => a - b)`)
	if len(answers) == 0 {
		t.Fatal("no small message came through meanwhile")
	}
	half, all := answers[len(answers)/2], answers[len(answers)-1]
	t.Logf("%d small messages to and fro meanwhile: half within %.0f ms, all within %.0f ms", len(answers), half, all)
	if half > 1000 {
		t.Errorf("half of the small messages took %.0f ms or more", half)
	}
	return madeUp
}
