import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Crossing } from '../crossing.js';
import { Roster } from '../roster.js';

mock.timers.enable({ apis: ['setTimeout'] });
let clock = 0;
mock.method(performance, 'now', () => clock);

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A crossing to Ann, who sends her voice and her face; `flow` runs before each 100 ms that pass. */
function make() {
  const roster = new Roster();
  roster.reset({ peer: 'me', peers: [{ id: 'ann', tracks: [{ id: 'voice', kind: 'AUDIO' }, { id: 'face', kind: 'VIDEO' }] }] });
  /** @type {Record<string, {packets: number, frames: number} | null>} */
  const direct = { voice: null, face: null };
  /** @type {Record<string, {packets: number, frames: number, mid: string}>} */
  const slots = { voice: { packets: 0, frames: 0, mid: '0' }, face: { packets: 0, frames: 0, mid: '1' } };
  const leg = {
    state: 'connecting',
    closed: false,
    /** @param {string} id */
    track: (id) => (direct[id] ? `direct ${id}` : null),
    /** @param {string} id */
    progress: async (id) => direct[id] && { ...direct[id] },
    close() {
      this.closed = true;
    },
  };
  /** @type {string[]} */
  const told = [];
  const crossing = new Crossing({ epoch: '1', peer: 'ann', leg: /** @type {any} */ (leg) },
    /** @type {any} */ ({ slotProgress: async (/** @type {string} */ id) => ({ ...slots[id] }) }), roster, {
      received: () => told.push('received'),
      failed: () => told.push('failed'),
      changed: () => {},
      closed: () => told.push('closed'),
    });
  const shown = () => ['voice', 'face'].map((id) => crossing.track(id)).filter(Boolean).join();
  const pass = async (/** @type {number} */ ms, flow = () => {}) => {
    for (const end = clock + ms; clock < end;) {
      flow();
      clock += 100;
      mock.timers.tick(100);
      await settle();
    }
  };
  const over = (/** @type {any} */ way, /** @type {string[]} */ ...ids) => () => {
    for (const id of ids) {
      way[id] = { ...way[id], packets: (way[id]?.packets ?? 0) + 5, frames: (way[id]?.frames ?? 0) + 1 };
    }
  };
  const both = () => {
    over(slots, 'voice', 'face')();
    over(direct, 'voice', 'face')();
  };
  return { crossing, roster, leg, slots, direct, told, shown, pass, over, both };
}

/** The same, when all has come over and the SFU is silent. */
async function moved() {
  const all = make();
  all.leg.state = 'connected';
  await all.pass(1000, all.both);
  assert.deepEqual(all.told.splice(0), ['received']);
  assert.equal(all.shown(), 'direct voice,direct face');
  assert.ok(all.crossing.holds);
  return all;
}

test('media comes over when all of it is received', async () => {
  const { leg, slots, direct, told, shown, pass, over, both } = make();
  await pass(500, over(slots, 'voice', 'face'));
  leg.state = 'connected';
  await pass(2500, () => {
    over(slots, 'voice', 'face')();
    over(direct, 'voice')();
  });
  assert.deepEqual([told, shown()], [[], ''], 'the voice alone is not enough');
  await pass(500, both);
  assert.deepEqual([told, shown()], [['received'], 'direct voice,direct face']);
});

test('a track that is published later is shown when it comes', async () => {
  const { roster, crossing, direct, slots, told, pass, both } = await moved();
  slots.screen = { packets: 0, frames: 0, mid: '2' };
  for (const _ of roster.apply({ trackPublished: { peer: 'ann', track: { id: 'screen', kind: 'VIDEO' } } })) continue;
  await pass(1000, both);
  assert.equal(crossing.track('screen'), null);
  direct.screen = { packets: 1, frames: 0 };
  await pass(300, both);
  direct.screen = { packets: 9, frames: 2 };
  await pass(300, both);
  assert.equal(crossing.track('screen'), 'direct screen');
  assert.deepEqual(told, []);
});

test('media goes back as it comes again in the slots, and the leg is closed later', async () => {
  const { crossing, leg, slots, direct, told, shown, pass, over } = await moved();
  const stillComes = over(direct, 'voice', 'face');
  await pass(1000, stillComes);
  crossing.leave();
  await pass(300, stillComes);
  assert.equal(shown(), 'direct voice,direct face', 'while nothing comes in the slots');
  await pass(300, () => {
    stillComes();
    over(slots, 'voice', 'face')();
  });
  assert.equal(shown(), '');
  assert.equal(leg.closed, false, 'the other peer may still show it');
  await pass(3500, stillComes);
  assert.deepEqual([leg.closed, told], [true, ['closed']]);
});

test('what never comes back is given up after three seconds', async () => {
  const { crossing, direct, shown, pass, over } = await moved();
  crossing.leave();
  await pass(2800, over(direct, 'voice', 'face'));
  assert.equal(shown(), 'direct voice,direct face');
  await pass(300, over(direct, 'voice', 'face'));
  assert.equal(shown(), '');
});

test('a leg that breaks is told of, once', async (t) => {
  await t.test('failed', async () => {
    const { crossing, leg, told, pass } = await moved();
    leg.state = 'failed';
    crossing.hurry();
    await settle();
    assert.deepEqual(told, ['failed'], 'at once');
    await pass(5000);
    assert.deepEqual([told, crossing.holds], [['failed'], false]);
  });
  await t.test('without a path', async () => {
    const { leg, told, pass, both } = await moved();
    leg.state = 'disconnected';
    await pass(1400, both);
    assert.deepEqual(told, []);
    await pass(1000, both);
    assert.deepEqual(told, ['failed']);
  });
  await t.test('silent', async () => {
    const { told, pass } = await moved();
    await pass(1900);
    assert.deepEqual(told, []);
    await pass(1000);
    assert.deepEqual(told, ['failed']);
  });
  await t.test('silent, as all is muted', async () => {
    const { roster, told, pass } = await moved();
    for (const id of ['voice', 'face']) {
      for (const _ of roster.apply({ trackUpdated: { peer: 'ann', track: { id, kind: 'AUDIO', muted: true } } })) continue;
    }
    await pass(10_000);
    assert.deepEqual(told, []);
  });
});

test('when the other peer is gone, so is the leg', async () => {
  const { roster, leg, told, pass, shown } = await moved();
  for (const _ of roster.apply({ peerLeft: { peer: 'ann' } })) continue;
  await pass(600);
  assert.deepEqual([leg.closed, told, shown()], [true, ['closed'], '']);
});
