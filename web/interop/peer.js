/**
 * A native libwebrtc client: the SDK in Node.js, on the PeerConnection of
 * @roamhq/wrtc. It joins a room, sends a picture that changes and a tone, and
 * says as lines of JSON what it decodes of others. It ends with its standard
 * input.
 *
 *     node peer.js http://localhost:8080 tea
 */
import wrtc from '@roamhq/wrtc';

const { RTCAudioSink, RTCAudioSource, RTCVideoSink, RTCVideoSource } = wrtc.nonstandard;

const WIDTH = 320;
const HEIGHT = 240;
const RATE = 48_000;

/** @param {object} what */
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** A bar that wanders over a grey picture, 15 times a second. */
function picture() {
  const source = new RTCVideoSource();
  let at = 0;
  setInterval(() => {
    const data = new Uint8Array(WIDTH * HEIGHT * 1.5).fill(128);
    for (let y = 0; y < HEIGHT; y++) data.fill(235, y * WIDTH + at, y * WIDTH + at + 16);
    at = (at + 4) % (WIDTH - 16);
    source.onFrame({ width: WIDTH, height: HEIGHT, data });
  }, 1000 / 15);
  return source.createTrack();
}

/** 440 Hz, in pieces of 10 ms. */
function tone() {
  const source = new RTCAudioSource();
  let n = 0;
  setInterval(() => {
    const samples = Int16Array.from({ length: RATE / 100 }, () => 8000 * Math.sin((2 * Math.PI * 440 * n++) / RATE));
    source.onData({ samples, sampleRate: RATE, bitsPerSample: 16, channelCount: 1, numberOfFrames: samples.length });
  }, 10);
  return source.createTrack();
}

/**
 * Says what is decoded of a track.
 *
 * @param {string} peer
 * @param {MediaStreamTrack} track
 */
function watch(peer, track) {
  if (track.kind === 'video') {
    let frames = 0;
    new RTCVideoSink(track).onframe = ({ frame: { width, height, data } }) => {
      // Of a bar on grey, decoded, some is bright and most is not.
      const bright = data.subarray(0, width * height).reduce((count, y) => count + (y > 200 ? 1 : 0), 0);
      say({ peer, kind: 'video', n: ++frames, width, height, bright: bright / (width * height) });
    };
  } else {
    let loud = 0;
    new RTCAudioSink(track).ondata = ({ samples }) => {
      if (samples.some((s) => Math.abs(s) > 1000)) say({ peer, kind: 'audio', n: ++loud });
    };
  }
}

// What the SDK expects of a browser.
Object.assign(globalThis, wrtc, {
  addEventListener() {},
  RTCPeerConnection: class extends wrtc.RTCPeerConnection {
    // The package wants a description; browsers make one.
    async setLocalDescription(description) {
      await super.setLocalDescription(description ?? (await this.createOffer()));
    }
  },
});
const { connect } = await import('../sdk/hiroba.js');

const [url, name] = process.argv.slice(2);
const room = await connect({
  url, room: name, name: 'libwebrtc', transports: ['sse'],
  tracks: [{ track: picture(), source: 'camera' }, { track: tone(), source: 'microphone' }],
});
const watched = new Set();
room.on('media', ({ peer, mediaStreamTrack }) => {
  if (!mediaStreamTrack || watched.has(mediaStreamTrack.id)) return;
  watched.add(mediaStreamTrack.id);
  watch(peer.id, mediaStreamTrack);
});
room.on('error', (error) => say({ error: `${error.code}: ${error.message}` }));
room.on('state', (state) => say({ state }));
say({ joined: room.self.id });

process.stdin.resume().on('end', async () => {
  await room.leave();
  process.exit();
});
