import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathsOf } from '../call/connection.js';
import { ending } from '../call/endings.js';
import { refusal } from '../refusals.js';

test('every refusal has words of its own', () => {
  const codes = ['ACCESS_REQUIRED', 'ACCESS_DENIED', 'ACCESS_EXPIRED', 'BANNED', 'ROOM_LOCKED', 'REFUSED', 'ROOM_FULL'];
  const whats = codes.map((code) => refusal({ code, message: 'the server’s' }).what);
  assert.equal(new Set(whats).size, codes.length);
  assert.ok(!whats.includes('the server’s'));
});

test('what has no words here keeps its own', () => {
  assert.deepEqual(refusal(Object.assign(new Error('The server cannot be reached.'), { code: 'UNREACHABLE' })), { code: 'UNREACHABLE', what: 'The server cannot be reached.', next: '' });
  assert.equal(refusal('odd').what, 'odd');
});

test('a call that somebody ended ends here; one that broke does not', () => {
  for (const { code, ours, want } of [
    { code: 'LEFT', want: 'You left tea' },
    { code: 'REMOVED', want: 'You were removed' },
    { code: 'ROOM_ENDED', want: 'The call has ended' },
    { code: 'ROOM_ENDED', ours: true, want: 'You ended the call' },
    { code: 'ACCESS_EXPIRED', want: 'Your time here is up' },
    { code: 'LINK_LOST', want: undefined },
    { code: '', want: undefined },
  ]) assert.equal(ending(code, 'tea', ours)?.title, want);
});

test('the way of signaling and of media', () => {
  const topology = { mode: 'sfu', epoch: '0', peer: '', moved: false };
  const paths = (/** @type {object} */ room) => pathsOf(/** @type {any} */ ({ state: 'connected', transport: 'websocket', topology, ...room }));
  assert.deepEqual(paths({}), { server: 'WebSocket', media: 'Over the server' });
  assert.deepEqual(paths({ transport: 'sse', topology: { ...topology, mode: 'p2p' } }), { server: 'Event stream', media: 'Over the server' });
  assert.deepEqual(paths({ transport: 'poll', topology: { ...topology, mode: 'p2p', moved: true } }), { server: 'Polling', media: 'Direct' });
  assert.deepEqual(paths({ state: 'reconnecting', transport: '' }), { server: 'Reconnecting…', media: 'Over the server' });
  assert.deepEqual(paths({ state: 'lost' }), { server: 'Not connected', media: 'Not connected' });
});
