import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assess, GOOD } from '../quality.js';

test('quality is what the server told last; what it does not name is good', () => {
  const everybody = ['me', 'bo', 'cy'].map((id) => /** @type {any} */ ({ id, quality: GOOD }));
  const [me, bo, cy] = everybody;
  /** @param {any} told */
  const changed = (told) => [...assess(everybody, told)].map(({ id }) => id);

  assert.deepEqual(changed({}), []);
  const told = { peers: [
    { peer: 'bo', score: 30, cause: 'UPLINK', tracks: [{ track: 'b1', score: 30, cause: 'UPLINK' }] },
    { peer: 'me', cause: 'DOWNLINK' },
    { peer: 'gone', score: 10, cause: 'UPLINK' },
  ] };
  assert.deepEqual(changed(told), ['me', 'bo']);
  assert.deepEqual(me.quality, { score: 0, cause: 'downlink', tracks: new Map() });
  assert.deepEqual(bo.quality, { score: 30, cause: 'uplink', tracks: new Map([['b1', { score: 30, cause: 'uplink' }]]) });
  assert.equal(cy.quality, GOOD);
  assert.deepEqual(changed(told), [], 'told again');
  assert.deepEqual(changed({ peers: [{ peer: 'bo', score: 45, cause: 'SERVER' }] }), ['me', 'bo']);
  assert.equal(bo.quality.cause, 'server');
  assert.deepEqual(changed({ peers: [{ peer: 'bo', score: 45, cause: 'OF_A_LATER_SERVER' }] }), ['bo']);
  assert.equal(bo.quality.cause, '');
  assert.deepEqual(changed({ peers: [] }), ['bo']);
  assert.deepEqual(everybody.map(({ quality }) => quality), [GOOD, GOOD, GOOD]);
});
