import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots, slotsToOpen } from '../slots.js';

/** @import { Slot } from '../messages.js' */

/**
 * @param {string} mid
 * @param {string} [track]
 * @param {Slot['why']} [why]
 * @returns {Slot}
 */
const slot = (mid, track, why) => ({ mid, kind: 'VIDEO', track, peer: track && `peer of ${track}`, why });

test('a change of the slots tells what is different for whom', async (t) => {
  const at = (/** @type {string} */ mid, /** @type {string} */ track, why = '') => ({ mid, peer: `peer of ${track}`, why });
  const cases = [
    { name: 'empty slots', before: [], after: [slot('0'), slot('1')], want: [] },
    { name: 'a track comes', before: [slot('0')], after: [slot('0', 'a')], want: [{ track: 'a', now: at('0', 'a') }] },
    { name: 'nothing new', before: [slot('0', 'a')], after: [slot('0', 'a')], want: [] },
    { name: 'a track leaves', before: [slot('0', 'a')], after: [slot('0')], want: [{ track: 'a', now: null }] },
    { name: 'its slot is not listed any more', before: [slot('0', 'a')], after: [], want: [{ track: 'a', now: null }] },
    {
      name: 'a track moves',
      before: [slot('0', 'a'), slot('1')],
      after: [slot('0'), slot('1', 'a')],
      want: [{ track: 'a', now: at('1', 'a') }],
    },
    {
      name: 'one takes the place of another: the one that leaves comes first',
      before: [slot('0', 'a')],
      after: [slot('0', 'b')],
      want: [{ track: 'a', now: null }, { track: 'b', now: at('0', 'b') }],
    },
    {
      name: 'two change places',
      before: [slot('0', 'a'), slot('1', 'b')],
      after: [slot('0', 'b'), slot('1', 'a')],
      want: [{ track: 'b', now: at('0', 'b') }, { track: 'a', now: at('1', 'a') }],
    },
    {
      name: 'muted',
      before: [slot('0', 'a')],
      after: [slot('0', 'a', 'MUTED')],
      want: [{ track: 'a', now: at('0', 'a', 'MUTED') }],
    },
    {
      name: 'another reason',
      before: [slot('0', 'a', 'MUTED')],
      after: [slot('0', 'a', 'PAUSED')],
      want: [{ track: 'a', now: at('0', 'a', 'PAUSED') }],
    },
    {
      name: 'no reason, said outright',
      before: [slot('0', 'a', 'MUTED')],
      after: [slot('0', 'a', 'WHY_UNSPECIFIED')],
      want: [{ track: 'a', now: at('0', 'a') }],
    },
    {
      name: 'a track listed twice: the slot with media counts',
      before: [],
      after: [slot('0', 'a', 'CODEC_NOT_NEGOTIATED'), slot('1', 'a'), slot('2', 'a', 'PAUSED')],
      want: [{ track: 'a', now: at('1', 'a') }],
    },
    { name: 'a slot without a mid', before: [], after: [{ track: 'a' }], want: [] },
  ];
  for (const { name, before, after, want } of cases) {
    await t.test(name, () => {
      const slots = new Slots();
      slots.replace(before);
      assert.deepEqual(slots.replace(after), want);
    });
  }
});

test('a track is found in its slot', () => {
  const slots = new Slots();
  slots.replace([slot('0', 'a'), slot('1', 'b', 'MUTED'), slot('2')]);
  assert.equal(slots.of('a')?.mid, '0');
  assert.deepEqual([slots.of('b')?.mid, slots.of('b')?.why], ['1', 'MUTED']);
  assert.equal(slots.of('c'), null);
});

test('slots are opened in steps up to the limit', async (t) => {
  const cases = [
    { name: 'an empty room', open: 0, wanted: 0, limit: 16, want: 4 },
    { name: 'enough', open: 4, wanted: 4, limit: 16, want: 0 },
    { name: 'one too many', open: 4, wanted: 5, limit: 16, want: 4 },
    { name: 'a full room at once', open: 4, wanted: 13, limit: 16, want: 12 },
    { name: 'the limit is in the middle of a step', open: 4, wanted: 9, limit: 6, want: 2 },
    { name: 'at the limit', open: 6, wanted: 9, limit: 6, want: 0 },
    { name: 'no slots allowed', open: 0, wanted: 3, limit: 0, want: 0 },
    { name: 'slots are never taken away', open: 12, wanted: 1, limit: 16, want: 0 },
  ];
  for (const { name, want, ...room } of cases) {
    await t.test(name, () => assert.equal(slotsToOpen(room), want));
  }
});
