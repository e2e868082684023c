/**
 * How loud an audio track is now, for a meter. Ends itself when the signal is
 * aborted.
 *
 * @param {MediaStreamTrack} track
 * @param {AbortSignal} signal
 * @param {(level: number) => void} show called on every frame, 0 (silence) to 1 (loud)
 */
export function followLevel(track, signal, show) {
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  // A browser may hold sound back until the person touches the page.
  const wake = () => void context.resume();
  addEventListener('pointerdown', wake, { signal });
  addEventListener('keydown', wake, { signal });

  const samples = new Float32Array(analyser.fftSize);
  let shown = 0;
  let frame = requestAnimationFrame(function measure() {
    analyser.getFloatTimeDomainData(samples);
    const level = loudness(samples);
    // Up at once, down gently: a meter that flickers says nothing.
    shown = Math.max(level, shown * 0.9);
    show(shown);
    frame = requestAnimationFrame(measure);
  });
  signal.addEventListener('abort', () => {
    cancelAnimationFrame(frame);
    void context.close();
  });
}

/** What counts as silence and as loud, in decibels below full scale. */
const FLOOR = -60;
const CEILING = -12;

/** @param {Float32Array} samples */
export function loudness(samples) {
  const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
  const decibels = 10 * Math.log10(power + 1e-12);
  return Math.min(Math.max((decibels - FLOOR) / (CEILING - FLOOR), 0), 1);
}
