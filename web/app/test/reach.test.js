import assert from 'node:assert/strict';
import { test } from 'node:test';

import { advice, duration, STATES, TITLES, verdict } from '../reach/words.js';

/** @typedef {import('../../sdk/diagnosis.js').LegResult} LegResult */

/** @type {import('../../sdk/diagnosis.js').Leg[]} */
const LEGS = ['http', 'websocket', 'sse', 'long-poll', 'stun-udp', 'media-udp', 'ice-tcp', 'turn-udp', 'turn-tcp', 'turn-tls'];

/**
 * @param {Partial<Record<string, LegResult['state']>>} states  the rest works
 * @returns {LegResult[]}
 */
const results = (states) => LEGS.map((leg) => ({ leg, state: states[leg] ?? 'works', ms: 3, detail: '' }));

test('each leg has a title, and advice when it fails for whatever reason', () => {
  for (const leg of LEGS) {
    assert.ok(TITLES[leg]);
    for (const cause of /** @type {const} */ (['silent', 'refused', 'full', 'answer'])) {
      assert.ok(advice({ leg, state: 'fails', ms: 1, detail: '', cause }));
    }
    for (const state of /** @type {const} */ (['works', 'not-offered', 'not-tried'])) {
      assert.equal(advice({ leg, state, ms: 1, detail: '' }), '');
      assert.ok(STATES[state]);
    }
  }
});

test('what a server refuses is not put down to the network', () => {
  assert.match(advice({ leg: 'turn-udp', state: 'fails', ms: 1, detail: '', cause: 'refused' }), /turn\.secret/u);
  assert.match(advice({ leg: 'websocket', state: 'fails', ms: 1, detail: '', cause: 'refused' }), /link/u);
});

test('the verdict is about calls', () => {
  assert.deepEqual(verdict(results({})).good, true);
  assert.deepEqual(verdict(results({ 'turn-tls': 'not-offered' })).good, true);
  assert.match(verdict(results({ websocket: 'fails' })).text, /Calls work well/u);
  const noUDP = { 'stun-udp': 'fails', 'media-udp': 'fails', 'turn-udp': 'fails' };
  assert.match(verdict(results(/** @type {any} */ (noUDP))).text, /more delay/u);
  const noMedia = { ...noUDP, 'ice-tcp': 'fails', 'turn-tcp': 'fails', 'turn-tls': 'fails' };
  assert.match(verdict(results(/** @type {any} */ (noMedia))).text, /no way for sound and picture/u);
  const nothing = { websocket: 'fails', sse: 'fails', 'long-poll': 'fails' };
  assert.match(verdict(results(/** @type {any} */ (nothing))).text, /cannot be talked to/u);
});

test('times are short', () => {
  assert.equal(duration(0), '');
  assert.equal(duration(12), '12 ms');
  assert.equal(duration(8012), '8.0 s');
});
