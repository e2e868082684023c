import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Events } from '../events.js';

test('handlers are called in order, each until it is taken away', () => {
  const events = new Events();
  /** @type {string[]} */
  const heard = [];
  const off = events.on('a', (x) => heard.push(`first ${x}`));
  events.on('a', (x) => heard.push(`second ${x}`));
  events.on('b', (x) => heard.push(`other ${x}`));
  events.fire('a', 1);
  off();
  off();
  events.fire('a', 2);
  assert.deepEqual(heard, ['first 1', 'second 1', 'second 2']);
});

test('the same function may be there twice', () => {
  const events = new Events();
  let calls = 0;
  const handler = () => calls++;
  const off = events.on('a', handler);
  events.on('a', handler);
  events.fire('a');
  off();
  events.fire('a');
  assert.equal(calls, 3);
});

test('a handler that throws stops nobody else, and its error is not swallowed', (t) => {
  /** @type {Function[]} */
  const later = [];
  t.mock.method(globalThis, 'queueMicrotask', (/** @type {Function} */ task) => later.push(task));
  const events = new Events();
  let reached = false;
  events.on('a', () => {
    throw new Error('fault of the application');
  });
  events.on('a', () => {
    reached = true;
  });
  events.fire('a');
  assert.ok(reached);
  assert.throws(() => later[0]?.(), /fault of the application/);
});
