import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Assembly } from '../assembly.js';

const MiB = 1 << 20;

/**
 * A frame with a part.
 *
 * @param {string} from
 * @param {number} message
 * @param {number} offset
 * @param {number} total
 * @param {Uint8Array | number} payload  bytes, or how many
 */
const part = (from, message, offset, total, payload) => ({
  from, to: ['me'], topic: 'file',
  payload: typeof payload === 'number' ? new Uint8Array(payload) : payload,
  part: { message, run: 1, offset, total },
});

test('parts become a message, whatever comes between', () => {
  const assembly = new Assembly();
  assert.deepEqual(assembly.take(0, part('ann', 1, 0, 5, Uint8Array.of(1, 2))), { received: 2, dropped: undefined });
  assembly.take(0, part('ann', 2, 0, 100, 50));
  assembly.take(0, part('bob', 1, 0, 100, 50));
  assert.deepEqual(assembly.take(0, part('ann', 1, 0, 5, Uint8Array.of(1, 2))), {}, 'a part that came before');
  const { whole, received } = assembly.take(0, part('ann', 1, 2, 5, Uint8Array.of(3, 4, 5)));
  assert.equal(received, 5);
  assert.deepEqual(whole, { from: 'ann', to: ['me'], topic: 'file', payload: Uint8Array.of(1, 2, 3, 4, 5) });
  assert.equal(assembly.bytes, 100);
});

test('what does not fit together is given up and said once', async (t) => {
  const cases = [
    { name: 'a gap', parts: [part('ann', 1, 0, 10, 3), part('ann', 1, 4, 10, 3), part('ann', 1, 7, 10, 3)], said: 1 },
    { name: 'another total', parts: [part('ann', 1, 0, 10, 3), part('ann', 1, 3, 11, 3)], said: 1 },
    { name: 'beyond the total', parts: [part('ann', 1, 0, 10, 11)], said: 1 },
    { name: 'an offset beyond all', parts: [part('ann', 1, 2 ** 53, 2 ** 53, 1)], said: 1 },
    { name: 'too large a message', parts: [part('ann', 1, 0, 16 * MiB + 1, 3)], said: 1 },
    { name: 'no bytes', parts: [part('ann', 1, 0, 10, 0)], said: 1 },
    { name: 'the middle of something unknown', parts: [part('ann', 1, 5, 10, 1), part('ann', 1, 6, 10, 4)], said: 0 },
  ];
  for (const { name, parts, said } of cases) {
    await t.test(name, () => {
      const assembly = new Assembly();
      const taken = parts.map((p) => assembly.take(0, p));
      const dropped = taken.flatMap((one) => one.dropped ?? []);
      assert.equal(dropped.length, said);
      for (const error of dropped) assert.equal(error.code, 'MESSAGE_DROPPED');
      assert.ok(taken.every(({ whole }) => !whole));
      assert.equal(assembly.bytes, 0);
    });
  }
});

test('what one sender can have is bounded, and pays for itself', () => {
  const assembly = new Assembly();
  for (let message = 0; message < 20; message++) {
    assert.equal(assembly.take(0, part('eve', message, 0, 16 * MiB, 1)).dropped !== undefined, message >= 16);
  }
  for (let message = 0; message < 16; message++) assembly.take(0, part('eve', message, 1, 16 * MiB, 15 * MiB));
  assert.ok(assembly.bytes <= 64 * MiB);
});

test('what all can have is bounded: whoever has most pays', () => {
  const assembly = new Assembly();
  for (const eve of ['eve1', 'eve2', 'eve3', 'eve4', 'eve5']) {
    for (let message = 0; message < 4; message++) assembly.take(0, part(eve, message, 0, 16 * MiB, 15 * MiB));
    assert.ok(assembly.bytes <= 256 * MiB);
  }
  assembly.take(0, part('ann', 1, 0, 4, 2));
  assert.ok(assembly.take(0, part('ann', 1, 2, 4, 2)).whole);
});

test('who goes silent is given up', () => {
  const assembly = new Assembly();
  assembly.take(0, part('ann', 1, 0, 10, 1));
  assembly.take(0, part('bob', 1, 0, 10, 1));
  assembly.take(50_000, part('bob', 1, 1, 10, 1));
  assert.deepEqual(assembly.sweep(59_999), []);
  assert.equal(assembly.sweep(60_000).length, 1);
  assert.equal(assembly.senders, 1);
  assert.equal(assembly.bytes, 2);
});
