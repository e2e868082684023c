import assert from 'node:assert/strict';
import { test } from 'node:test';

import { causeOf, urlsLike } from '../diagnosis.js';
import { only } from '../diagnosis-media.js';
import { HirobaError } from '../errors.js';

test('each URL of a server is one of its own', () => {
  const servers = [{ urls: ['stun:a:1'] }, { urls: ['turn:a:1?transport=udp', 'turn:a:1?transport=tcp', 'turns:a:2?transport=tcp'], username: 'u', credential: 'c' }];
  assert.deepEqual(urlsLike(servers, /^stun:/u), [{ urls: 'stun:a:1' }]);
  assert.deepEqual(urlsLike(servers, /^turn:.*[?&]transport=tcp/u), [{ urls: 'turn:a:1?transport=tcp', username: 'u', credential: 'c' }]);
  assert.deepEqual(urlsLike([{}], /^turn:/u), []);
});

test('only the candidates of one protocol are left', () => {
  const sdp = 'v=0\r\na=candidate:1 1 udp 1 192.0.2.1 8080 typ host\r\na=candidate:2 1 TCP 1 192.0.2.1 8080 typ host tcptype passive\r\na=mid:0\r\n';
  assert.equal(only(sdp, 'tcp'), 'v=0\r\na=candidate:2 1 TCP 1 192.0.2.1 8080 typ host tcptype passive\r\na=mid:0\r\n');
  assert.equal(only('', 'udp'), '');
});

test('the cause of a failure is the server’s word or the network’s', () => {
  const cause = (/** @type {any} */ code) => causeOf(new HirobaError(code, ''));
  assert.equal(cause('ACCESS_EXPIRED'), 'refused');
  assert.equal(cause('ROOM_LOCKED'), 'refused');
  assert.equal(cause('TOO_MANY_SESSIONS'), 'full');
  assert.equal(cause('MEDIA_UNREACHABLE'), 'silent');
  assert.equal(cause('UNREACHABLE'), 'answer');
});
