import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backToSlots, isDead, isReceived } from '../switching.js';

/**
 * @param {Partial<import('../switching.js').Look>} look
 * @returns {import('../switching.js').Look}
 */
const at = (look) => ({ id: 'v', kind: 'video', muted: false, direct: 0, slotQuietMs: 0, slotFlows: false, ...look });

test('when a track is received over the leg', async (t) => {
  const cases = [
    { name: 'no section yet', look: at({ direct: null }), connectedMs: 9000, want: false },
    { name: 'no section yet, though muted', look: at({ direct: null, muted: true }), connectedMs: 9000, want: false },
    { name: 'nothing came', look: at({}), connectedMs: 9000, want: false },
    { name: 'something came', look: at({ direct: 1 }), connectedMs: 0, want: true },
    { name: 'muted: nothing has to come', look: at({ muted: true }), connectedMs: 0, want: true },
    { name: 'a still picture: the SFU brings nothing either', look: at({ slotQuietMs: 5000 }), connectedMs: 2000, want: true },
    { name: 'the same, but the leg has hardly begun', look: at({ slotQuietMs: 5000 }), connectedMs: 1999, want: false },
    { name: 'the SFU brings something', look: at({ slotQuietMs: 1999 }), connectedMs: 9000, want: false },
  ];
  for (const { name, look, connectedMs, want } of cases) {
    await t.test(name, () => assert.equal(isReceived(look, connectedMs), want));
  }
});

test('when tracks go back to their slots', async (t) => {
  const voice = at({ id: 'voice', kind: 'audio' });
  const face = at({ id: 'face' });
  const flows = { slotFlows: true };
  const cases = [
    { name: 'nothing comes yet', looks: [voice, face], want: [] },
    { name: 'sound alone waits for its picture', looks: [{ ...voice, ...flows }, face], want: [] },
    { name: 'a picture does not wait for sound', looks: [voice, { ...face, ...flows }], want: ['face'] },
    { name: 'both', looks: [{ ...voice, ...flows }, { ...face, ...flows }], want: ['voice', 'face'] },
    { name: 'sound without any picture', looks: [{ ...voice, ...flows }], want: ['voice'] },
    { name: 'a muted picture holds nothing up', looks: [{ ...voice, ...flows }, { ...face, muted: true }], want: ['voice', 'face'] },
    { name: 'the leg is dead: sound does not wait', looks: [{ ...voice, ...flows }, face], alive: false, want: ['voice'] },
    { name: 'the leg is dead: the last picture is better than none', looks: [face], alive: false, want: [] },
    { name: 'after three seconds, whatever comes', looks: [voice, face], leavingMs: 3000, want: ['voice', 'face'] },
  ];
  for (const { name, looks, leavingMs = 100, alive = true, want } of cases) {
    await t.test(name, () => assert.deepEqual(backToSlots(looks, { leavingMs, alive }), want));
  }
});

test('when a leg is given up', async (t) => {
  /** @type {{name: string, state: RTCPeerConnectionState, stateMs?: number, expected?: boolean, quietMs?: number, want: boolean}[]} */
  const cases = [
    { name: 'being made: that is for the server to judge', state: 'connecting', stateMs: 60_000, want: false },
    { name: 'failed', state: 'failed', want: true },
    { name: 'closed by the other peer', state: 'closed', want: true },
    { name: 'without a path for a moment', state: 'disconnected', stateMs: 1499, want: false },
    { name: 'without a path', state: 'disconnected', stateMs: 1500, want: true },
    { name: 'connected, and media comes', state: 'connected', quietMs: 1999, want: false },
    { name: 'connected, and nothing comes', state: 'connected', quietMs: 2000, want: true },
    { name: 'connected, and nothing is to come', state: 'connected', expected: false, quietMs: 60_000, want: false },
  ];
  for (const { name, state, stateMs = 0, expected = true, quietMs = 0, want } of cases) {
    await t.test(name, () => assert.equal(isDead({ state, stateMs, expected, quietMs }), want));
  }
});
