import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Publications } from '../publications.js';

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Publications whose browser notes what is needed of each section, and whose server names tracks. */
function make() {
  /** @type {string[]} */
  const log = [];
  let count = 0;
  /** @type {any} */
  const media = {
    send: async (/** @type {any} */ { source }) => ({ mid: String(count++), source, sender: { replaceTrack: async () => {} } }),
    encodings: (/** @type {any} */ { size }) => [{ rid: 'f', width: size ?? 1280, height: 720 }],
    demand: async (/** @type {any} */ { mid }, /** @type {any} */ { paused, rids }) => log.push(`${mid} ${paused ? 'paused' : rids.join() || 'all'}`),
    fit: async (/** @type {any} */ section, /** @type {any} */ track) => {
      const fresh = section.size !== track.size;
      section.size = track.size;
      return fresh;
    },
    release: async () => {},
  };
  /** @type {any} */
  const negotiation = {
    run: async (/** @type {any} */ { make: change, say }) => {
      await change();
      await say('offer');
    },
    between: (/** @type {() => Promise<void>} */ work) => work(),
    describe: async () => 'answer',
  };
  /** What the server says of a track before it has named it. @type {any} */
  const server = { early: null, /** @type {any[]} */ published: [] };
  /** @type {any} */
  const link = {
    request: async (/** @type {any} */ { publish }) => {
      server.published.push(publish.tracks);
      if (server.early) publications.want(server.early);
      return { published: { tracks: publish.tracks.map((/** @type {any} */ { mid }) => ({ id: `t${mid}` })) } };
    },
  };
  const publications = new Publications(link, media, negotiation);
  const publish = () => publications.publish(track(), {}, /** @type {any} */ ({}));
  return { publications, publish, log, server };
}

/** @returns {any} */
const track = (size = 1280) => ({ kind: 'video', enabled: true, contentHint: '', size });

test('what the server needs is what is sent, and can be seen', async () => {
  const { publications, publish, log } = make();
  const camera = await publish();
  assert.deepEqual(camera.demand, { paused: false, rids: [] });
  assert.equal(publications.want({ track: 't0', rids: ['q'] }), camera);
  assert.deepEqual(camera.demand, { paused: false, rids: ['q'] });
  publications.want({ track: 't0', paused: true });
  assert.deepEqual(camera.demand, { paused: true, rids: [] });
  assert.deepEqual(log, ['0 q', '0 paused']);
  assert.equal(camera.muted, false);
});

test('it may be said before the track has its name', async () => {
  const { publish, log, server } = make();
  server.early = { track: 't0', rids: ['h'] };
  const camera = await publish();
  assert.deepEqual(camera.demand, { paused: false, rids: ['h'] });
  assert.deepEqual(log, ['0 h']);
});

test('when messages were lost, everything is sent until the server says what it needs', async () => {
  const { publications, publish, log } = make();
  const camera = await publish();
  publications.want({ track: 't0', paused: true });
  publications.wantAll();
  assert.deepEqual(camera.demand, { paused: false, rids: [] });
  assert.deepEqual(log, ['0 paused', '0 all']);
});

test('the server is told of the sizes, and again when the source has others', async () => {
  const { publish, server } = make();
  const camera = await publish();
  await camera.replace(track(640));
  await settle();
  await camera.replace(track(640));
  await settle();
  await camera.replace(null);
  await settle();
  assert.deepEqual(server.published.map(([{ encodings }]) => encodings[0].width), [1280, 640]);
});
