import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFrame } from '../frame.js';
import { Large } from '../large.js';

const KiB = 1 << 10;
const WINDOW = 256 * KiB;

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A Large whose server is the test. */
function make() {
  /** @type {{to: string[], message: number, run: number, offset: number, total: number, payload: Uint8Array}[]} */
  const sent = [];
  /** @type {string[]} */
  const missed = [];
  const large = new Large(async (bytes) => {
    const { part, to, payload } = decodeFrame(bytes);
    assert.ok(part && bytes.length <= 64 * KiB - 32);
    sent.push({ ...part, to, payload });
  }, (peer) => missed.push(peer));
  const say = async (/** @type {'READY' | 'BEHIND' | 'LOST'} */ state, /** @type {number} */ run, /** @type {number} */ offset, peer = '') => {
    large.heard({ run, state, offset, peer });
    await settle();
  };
  const end = () => {
    const last = sent.at(-1);
    return last ? last.offset + last.payload.length : 0;
  };
  /** Has the server ready for all that came until there is no more. */
  const goOn = async (/** @type {number} */ run) => {
    for (let before = -1; before !== sent.length;) {
      before = sent.length;
      const last = sent.findLast((part) => part.run === run);
      if (last) await say('READY', run, last.offset + last.payload.length);
    }
  };
  return { large, sent, missed, say, end, goOn };
}

const noise = (/** @type {number} */ size) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) % 256);

test('no more than a window goes out beyond what the server is ready for', async () => {
  const { large, sent, say, end, goOn } = make();
  const payload = noise(1 << 20);
  /** @type {number[]} */
  const told = [];
  const done = large.send({ to: [], topic: 't', payload, onProgress: (bytes) => told.push(bytes) });
  await settle();
  assert.ok(end() <= WINDOW && end() > WINDOW - 64 * KiB);
  const run = sent[0]?.run ?? 0;
  await say('READY', run, 100 * KiB);
  assert.ok(end() <= WINDOW + 100 * KiB && end() > WINDOW + 36 * KiB);
  await goOn(run);
  await done;
  assert.deepEqual(Buffer.concat(sent.map((part) => part.payload)), Buffer.from(payload));
  assert.equal(told.at(-1), payload.length);
  assert.ok(sent.every((part) => part.total === payload.length && part.run === run));
});

test('a Blob is read as it is sent', async () => {
  const { large, sent, goOn } = make();
  const payload = noise(200 * KiB);
  const done = large.send({ to: ['a'], topic: '', payload: new Blob([payload]) });
  while (sent.length < 4) await settle();
  await goOn(sent[0]?.run ?? 0);
  await done;
  assert.deepEqual(Buffer.concat(sent.map((part) => part.payload)), Buffer.from(payload));
});

test('who falls behind gets the rest alone, and keeps nobody waiting', async () => {
  const { large, sent, missed, say, goOn } = make();
  const payload = noise(1 << 20);
  const done = large.send({ to: [], topic: 't', payload });
  await settle();
  const run = sent[0]?.run ?? 0;
  await say('BEHIND', run, 70_000, 'slow');
  await goOn(run);
  await done;
  payload.fill(0); // it is the caller's again

  const rest = sent.filter((part) => part.run !== run);
  assert.deepEqual(rest[0]?.to, ['slow']);
  assert.equal(rest[0]?.offset, 70_000);
  assert.equal(rest[0]?.message, sent[0]?.message);
  await goOn(rest[0]?.run ?? 0);
  const brought = sent.filter((part) => part.run !== run);
  assert.deepEqual(Buffer.concat(brought.map((part) => part.payload)), Buffer.from(noise(1 << 20).subarray(70_000)));
  assert.deepEqual(missed, []);
});

test('when the last one falls behind, the message goes on with that one', async () => {
  const { large, sent, say, goOn } = make();
  const done = large.send({ to: ['slow'], topic: 't', payload: noise(1 << 20) });
  await settle();
  await say('BEHIND', sent[0]?.run ?? 0, 100_000, 'slow');
  const second = sent.at(-1)?.run ?? 0;
  assert.equal(sent.find((part) => part.run === second)?.offset, 100_000);
  await goOn(second);
  await done;
});

test('the server may say that a message does not arrive', async (t) => {
  await t.test('to one of several', async () => {
    const { large, sent, missed, say, goOn } = make();
    const done = large.send({ to: ['a', 'b'], topic: 't', payload: noise(100 * KiB) });
    await settle();
    await say('LOST', sent[0]?.run ?? 0, 0, 'a');
    await goOn(sent[0]?.run ?? 0);
    await done;
    assert.deepEqual(missed, ['a']);
  });
  await t.test('to the last one named', async () => {
    const { large, sent, missed, say } = make();
    const done = assert.rejects(large.send({ to: ['a'], topic: 't', payload: noise(100 * KiB) }), { code: 'NOT_RECEIVED' });
    await settle();
    await say('LOST', sent[0]?.run ?? 0, 0, 'a');
    await done;
    assert.deepEqual(missed, ['a']);
  });
  await t.test('as there are too many', async () => {
    const { large, sent, say } = make();
    const done = assert.rejects(large.send({ to: [], topic: 't', payload: noise(100 * KiB) }), { code: 'QUEUE_FULL', retry: true });
    await settle();
    await say('LOST', sent[0]?.run ?? 0, 0);
    await done;
  });
});

test('only so many rests are kept for those who are slow', async () => {
  const { large, sent, missed, say } = make();
  large.send({ to: [], topic: 't', payload: noise(1 << 20) });
  await settle();
  for (let i = 0; i < 10; i++) await say('BEHIND', sent[0]?.run ?? 0, 0, `peer ${i}`);
  assert.deepEqual(missed, ['peer 8', 'peer 9']);
});

test('four messages take turns, a fifth waits for one of them', async () => {
  const { large, sent, goOn } = make();
  const all = [1, 2, 3, 4, 5].map(() => large.send({ to: [], topic: 't', payload: noise(200 * KiB) }));
  await settle();
  const runs = [...new Set(sent.map((part) => part.run))];
  assert.equal(runs.length, 4);
  assert.deepEqual(sent.slice(0, 4).map((part) => part.run), runs, 'one part of each');
  await goOn(runs[0] ?? 0);
  await all[0];
  await settle();
  assert.equal(new Set(sent.map((part) => part.run)).size, 5);
});

test('a channel that closes ends what is under way', async () => {
  const { large } = make();
  const done = assert.rejects(large.send({ to: [], topic: 't', payload: noise(1 << 20) }), /gone/);
  await settle();
  large.close(/** @type {any} */ (new Error('gone')));
  await done;
});
