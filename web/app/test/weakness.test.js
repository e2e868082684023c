import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownWeakness, theirWeakness } from '../call/weakness.js';

for (const { score, cause, own, theirs } of [
  { score: 100, cause: '', own: null, theirs: null },
  { score: 60, cause: 'uplink', own: [2, 'Your connection is weak'], theirs: [2, 'Their connection is weak'] },
  { score: 39, cause: 'uplink', own: [1, 'Your connection is weak'], theirs: [1, 'Their connection is weak'] },
  { score: 0, cause: 'downlink', own: [1, 'Your connection is weak'], theirs: null },
  { score: 50, cause: 'server', own: [2, 'The server is busy'], theirs: null },
]) {
  test(`a score of ${score} for ${cause || 'no cause'}`, () => {
    const quality = /** @type {any} */ ({ score, cause, tracks: new Map() });
    for (const [found, want] of [[ownWeakness(quality), own], [theirWeakness(quality), theirs]]) {
      assert.deepEqual(found && [found.bars, found.words], want);
    }
  });
}
