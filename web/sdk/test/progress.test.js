import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressOf, Steady } from '../progress.js';

test('a value is steady from when it last changed', () => {
  const steady = new Steady(1000, 'a');
  assert.equal(steady.look(1300, 'a'), 300);
  assert.equal(steady.look(1500, 'b'), 0);
  assert.equal(steady.look(1700, 'b'), 200);
  assert.equal(steady.look(1800, 'a'), 0);
});

test('progress is what came, not what is said about other things', async () => {
  const receiver = (/** @type {object[]} */ ...reports) =>
    /** @type {any} */ ({ getStats: async () => new Map(reports.entries()) });
  assert.deepEqual(await progressOf(receiver()), { packets: 0, frames: 0 });
  assert.deepEqual(await progressOf(receiver({ type: 'inbound-rtp', packetsReceived: 7 })), { packets: 7, frames: 0 });
  assert.deepEqual(await progressOf(receiver(
    { type: 'transport', packetsReceived: 99 },
    { type: 'inbound-rtp', packetsReceived: 7, framesDecoded: 3 },
  )), { packets: 7, frames: 3 });
});
