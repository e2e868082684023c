import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pacer } from '../pacer.js';

/**
 * How many messages of a size go out within some seconds, asked for as fast as it lets.
 *
 * @param {Pacer} pacer
 * @param {number} bytes
 * @param {number} seconds
 */
function count(pacer, bytes, seconds) {
  let sent = 0;
  for (let now = 1000; now <= 1000 + seconds * 1000;) {
    const wait = pacer.take(bytes, now);
    if (wait === 0) sent++;
    else now += wait;
  }
  return sent;
}

test('what goes out stays within the server\'s bucket', async (t) => {
  // The server's: 50 a second, 100 at once.
  const cases = [
    { name: 'small messages at once', bytes: 100, seconds: 0, least: 75, most: 100 },
    { name: 'small messages', bytes: 100, seconds: 10, least: 500, most: 600 },
    { name: 'messages of 64 KiB', bytes: 64 << 10, seconds: 10, least: 30, most: 37 },
    { name: 'a description larger than a burst', bytes: 1 << 20, seconds: 10, least: 6, most: 7 },
  ];
  for (const { name, bytes, seconds, least, most } of cases) {
    await t.test(name, () => {
      const pacer = new Pacer();
      pacer.limit(50);
      const sent = count(pacer, bytes, seconds);
      assert.ok(sent >= least && sent <= most, String(sent));
    });
  }
});

test('a server without a limit is sent everything', () => {
  const pacer = new Pacer();
  for (let i = 0; i < 10_000; i++) assert.equal(pacer.take(1 << 20, 0), 0);
});

test('a clock that jumps back does no harm', () => {
  const pacer = new Pacer();
  pacer.limit(50);
  for (let i = 0; i < 75; i++) pacer.take(1, 10_000);
  const wait = pacer.take(1, 5000);
  assert.ok(wait > 0 && wait < 100, String(wait));
  assert.equal(pacer.take(1, 5000 + wait), 0);
});
