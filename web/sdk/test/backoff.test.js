import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '../backoff.js';

test('pauses double between their bounds', async (t) => {
  for (const [name, random, want] of /** @type {[string, () => number, number[]][]} */ ([
    ['least chance', () => 0, [300, 600, 1200, 2400, 4800, 9600, 13_333, 13_333]],
    ['most chance', () => 1, [450, 900, 1800, 3600, 7200, 14_400, 20_000, 20_000]],
  ])) {
    await t.test(name, () => {
      const backoff = new Backoff({ random });
      assert.deepEqual(want.map(() => backoff.next()), want);
      backoff.reset();
      assert.equal(backoff.next(), want[0]);
    });
  }
  await t.test('any chance, for a day', () => {
    const backoff = new Backoff();
    for (let i = 0; i < 10_000; i++) {
      const ms = backoff.next();
      assert.ok(ms >= 300 && ms <= 20_000, String(ms));
    }
  });
});
