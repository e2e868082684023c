import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Stills } from '../call/stills.js';

/** @param {...[id: string, media: string | null, why?: string]} changes */
function after(...changes) {
  const stills = new Stills();
  for (const [id, media, why = ''] of changes) stills.follow(/** @type {any} */ ({ track: { id }, mediaStreamTrack: media, why }));
  return stills;
}

for (const { name, changes, want } of /** @type {{name: string, changes: [string, string | null, string?][], want: string | null}[]} */ ([
  { name: 'nothing was received', changes: [['a', null, 'PAUSED']], want: null },
  { name: 'received', changes: [['a', 'slot 1']], want: 'slot 1' },
  { name: 'paused', changes: [['a', 'slot 1'], ['a', null, 'PAUSED']], want: 'slot 1' },
  { name: 'muted', changes: [['a', 'slot 1'], ['a', null, 'MUTED']], want: null },
  { name: 'muted while paused', changes: [['a', 'slot 1'], ['a', null, 'PAUSED'], ['a', null, 'MUTED']], want: null },
  { name: 'out of its slot', changes: [['a', 'slot 1'], ['a', null]], want: null },
  { name: 'somebody else has the slot', changes: [['a', 'slot 1'], ['a', null, 'PAUSED'], ['b', 'slot 1']], want: null },
  { name: 'in another slot', changes: [['a', 'slot 1'], ['b', 'slot 1'], ['a', 'slot 2'], ['a', null, 'PAUSED']], want: 'slot 2' },
])) {
  test(`still: ${name}`, () => assert.equal(after(...changes).of('a'), want));
}

test('what has ended leaves nothing', () => {
  const stills = after(['a', 'slot 1']);
  stills.drop('a');
  assert.equal(stills.of('a'), null);
});
