import assert from 'node:assert/strict';
import test from 'node:test';

import { iceServersBetweenPeers, iceServersFor } from '../ice.js';

const servers = [
  { urls: ['stun:h:1'] },
  { urls: ['turn:h:1?transport=udp', 'turn:h:1?transport=tcp'], username: 'u', credential: 'c' },
];

test('no server shares its UDP address with the SFU unless a relay is wanted', () => {
  assert.deepEqual(iceServersFor(servers, 'all'), [{ urls: ['turn:h:1?transport=tcp'], username: 'u', credential: 'c' }]);
});

test('who wants a relay gets every one there is', () => {
  assert.deepEqual(iceServersFor(servers, 'relay'), [
    { urls: ['turn:h:1?transport=udp', 'turn:h:1?transport=tcp'], username: 'u', credential: 'c' },
  ]);
});

test('a server without TURN offers nothing', () => {
  assert.deepEqual(iceServersFor([{ urls: ['stun:h:1'] }], 'all'), []);
  assert.deepEqual(iceServersFor(undefined, 'all'), []);
});

test('no relay is named over DTLS, which browsers take for TLS', () => {
  const secure = [{ urls: ['stun:h:1', 'turns:h:1?transport=tcp', 'turns:h:1?transport=udp'], username: 'u', credential: 'c' }];
  for (const policy of /** @type {RTCIceTransportPolicy[]} */ (['all', 'relay'])) {
    assert.deepEqual(iceServersFor(secure, policy), [{ urls: ['turns:h:1?transport=tcp'], username: 'u', credential: 'c' }]);
  }
  assert.deepEqual(iceServersBetweenPeers(secure), [{ urls: ['stun:h:1', 'turns:h:1?transport=tcp'], username: 'u', credential: 'c' }]);
});
