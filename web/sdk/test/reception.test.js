import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { HirobaError } from '../errors.js';
import { Reception } from '../reception.js';
import { Roster } from '../roster.js';

mock.timers.enable({ apis: ['setTimeout'] });

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Reception in a room of one peer with some videos, where the browser counts slots. */
function make({ videos = 0, limit = 16 } = {}) {
  const roster = new Roster();
  const tracks = Array.from({ length: videos }, (_, i) => ({ id: `v${i}`, kind: /** @type {const} */ ('VIDEO') }));
  roster.reset({ peer: 'me', peers: [{ id: 'ann', tracks }] });
  /** @type {Record<string, number>} */
  const open = { audio: 0, video: 0 };
  const media = {
    /** @param {string} kind */
    slotCount: (kind) => open[kind],
    /**
     * @param {string} kind
     * @param {number} count
     */
    openSlots: (kind, count) => {
      open[kind] += count;
      return Array(count).fill(kind);
    },
    /** @param {string[]} slots */
    closeSlots: (slots) => slots.forEach((kind) => open[kind]--),
    /** @param {string} mid */
    slotTrack: (mid) => `media of ${mid}`,
  };
  const negotiation = {
    ended: false,
    offers: 0,
    /** @type {HirobaError | null} */
    refusal: null,
    /** @param {import('../negotiation.js').Change} change */
    async run({ make, undo }) {
      await make?.();
      this.offers++;
      if (!this.refusal) return;
      await undo?.();
      throw this.refusal;
    },
  };
  /** @type {any[]} */
  const sent = [];
  /** @type {any[]} */
  const told = [];
  const link = { welcome: { limits: { slots: limit } }, tell: (/** @type {any} */ body) => sent.push(body) };
  const reception = new Reception(/** @type {any} */ (link), /** @type {any} */ (media), /** @type {any} */ (negotiation), roster, {
    media: ({ track, mediaStreamTrack, why }) => told.push([track.id, mediaStreamTrack, why].join(' ').trim()),
    error: (error) => told.push(error.code),
  });
  reception.open();
  return { reception, roster, open, negotiation, sent, told };
}

test('the first offer has four slots of each kind, or what the server allows', () => {
  assert.deepEqual(make().open, { audio: 4, video: 4 });
  assert.deepEqual(make({ limit: 2 }).open, { audio: 2, video: 2 });
});

test('slots grow with the room, in one offer', async () => {
  const { reception, open, negotiation } = make({ videos: 9 });
  reception.grow();
  reception.grow();
  await settle();
  assert.deepEqual(open, { audio: 4, video: 12 });
  assert.equal(negotiation.offers, 1);
});

test('only what is shown wants a slot', async () => {
  const { reception, open, sent } = make({ videos: 9 });
  reception.view([{ track: 'v0' }, { track: 'v8', paused: true }]);
  await settle();
  assert.equal(open.video, 4);
  assert.deepEqual(sent[0].view.shown.map((/** @type {any} */ shown) => shown.track), ['v0', 'v8']);
  mock.timers.tick(1000);
  reception.view(Array.from({ length: 9 }, (_, i) => ({ track: `v${i}` })));
  await settle();
  assert.equal(open.video, 12);
});

test('whoever speaks wants a slot, while there is somebody', async () => {
  const { reception, open } = make({ videos: 6 });
  reception.view([...Array.from({ length: 3 }, (_, i) => ({ track: `v${i}` })), ...Array.from({ length: 9 }, () => ({ speaker: true }))]);
  await settle();
  assert.deepEqual(open, { audio: 4, video: 8 });
});

test('when the server refuses, the slots are taken back and the next change tries again', async () => {
  const { reception, open, negotiation, told } = make({ videos: 5 });
  negotiation.refusal = new HirobaError('INTERNAL', 'no');
  reception.grow();
  await settle();
  assert.deepEqual(open, { audio: 4, video: 4 });
  assert.deepEqual(told, ['INTERNAL']);
  assert.equal(negotiation.offers, 1, 'not at once');
  negotiation.refusal = null;
  reception.grow();
  await settle();
  assert.equal(open.video, 8);
});

test('a track has media while it is in a slot without a reason', () => {
  const { reception, told } = make({ videos: 2 });
  reception.fill({ slots: [{ mid: '4', track: 'v0', peer: 'ann' }, { mid: '5', track: 'v1', peer: 'ann', why: 'MUTED' }] });
  reception.fill({ slots: [{ mid: '4' }, { mid: '5', track: 'v1', peer: 'ann' }] });
  assert.deepEqual(told, ['v0 media of 4', 'v1  MUTED', 'v0', 'v1 media of 5']);
  assert.equal(reception.track('v0'), null);
  assert.equal(reception.track('v1'), 'media of 5');
});

test('a slot may be filled before its track is known', () => {
  const { reception, roster, told } = make();
  reception.fill({ slots: [{ mid: '4', track: 'new', peer: 'ann' }] });
  assert.deepEqual(told, []);
  for (const [name, track] of roster.apply({ trackPublished: { peer: 'ann', track: { id: 'new', kind: 'VIDEO' } } })) {
    if (name === 'track-published') reception.published(track);
  }
  assert.deepEqual(told, ['new media of 4']);
});

test('what comes directly takes the place of the slot, and gives it back', async (t) => {
  /** @type {Map<string, any>} */
  const direct = new Map();
  const { reception, roster, told } = make({ videos: 2 });
  reception.prefer((id) => direct.get(id) ?? null);
  reception.fill({ slots: [{ mid: '4', track: 'v0', peer: 'ann' }, { mid: '5', track: 'v1', peer: 'ann', why: 'BANDWIDTH' }] });
  told.length = 0;
  await t.test('nothing new is not told', () => {
    reception.refresh('v0');
    reception.refresh('v1');
    assert.deepEqual(told, []);
  });
  await t.test('directly, whatever the SFU could send', () => {
    direct.set('v0', 'direct 0').set('v1', 'direct 1');
    reception.refresh('v0');
    reception.refresh('v1');
    assert.deepEqual(told.splice(0), ['v0 direct 0', 'v1 direct 1']);
  });
  await t.test('without a slot', () => {
    reception.fill({ slots: [{ mid: '4' }] });
    assert.equal(reception.track('v0'), 'direct 0');
    told.length = 0;
  });
  await t.test('muted, though no slot says so', () => {
    for (const _ of roster.apply({ trackUpdated: { peer: 'ann', track: { id: 'v0', kind: 'VIDEO', muted: true } } })) continue;
    reception.refresh('v0');
    assert.deepEqual(told.splice(0), ['v0  MUTED']);
  });
  await t.test('back', () => {
    direct.clear();
    reception.fill({ slots: [{ mid: '4', track: 'v1', peer: 'ann' }] });
    reception.refresh('v1');
    assert.deepEqual(told, ['v1 media of 4']);
  });
});
