import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Moderated } from '../call/moderated.js';
import { Moderator } from '../call/moderator.js';
import { menuFor, menuForRoom } from '../call/rights.js';

const BO = { id: 'p1', name: 'Bo', self: false, microphone: true, camera: true, sharing: true, moderator: false, away: false };

for (const { name, person, want } of [
  { name: 'ourselves', person: { ...BO, self: true }, want: [] },
  { name: 'somebody with everything on', person: BO, want: ['write', 'mute', 'hide', 'unshare', 'promote', 'remove'] },
  { name: 'somebody with everything off', person: { ...BO, microphone: false, camera: false, sharing: false }, want: ['write', 'promote', 'remove'] },
  { name: 'another moderator', person: { ...BO, moderator: true, sharing: false }, want: ['write', 'mute', 'hide', 'demote', 'remove'] },
  { name: 'somebody who is away', person: { ...BO, away: true, microphone: false, camera: false, sharing: false }, want: ['promote', 'remove'] },
]) {
  test(`menu for ${name}`, () => assert.deepEqual(menuFor(person).map(({ id }) => id), want));
}

test('switches of the room show how they stand', () => {
  assert.deepEqual(menuForRoom({ locked: true, lobby: false }).map(({ id, on }) => [id, on]), [['lock', true], ['lobby', false], ['end', undefined]]);
});

/**
 * A moderator in a room with Bo, and what the server is asked for.
 *
 * @param {{yes?: boolean, option?: boolean, refuses?: {code: string, message: string}}} [how]
 */
function moderator({ yes = true, option = false, refuses } = {}) {
  /** @type {unknown[][]} */
  const asked = [];
  /** @type {string[]} */
  const problems = [];
  const moderate = new Proxy({}, {
    get: (_, name) => async (/** @type {unknown[]} */ ...args) => {
      asked.push([name, ...args]);
      if (refuses) throw refuses;
    },
  });
  const track = (/** @type {string} */ id, /** @type {string} */ kind, /** @type {string} */ source, muted = false) => [id, { id, kind, source, muted }];
  const bo = { id: 'p1', name: 'Bo', grants: ['publish', 'data'], tracks: new Map(/** @type {any} */ ([
    track('m', 'audio', 'microphone'), track('c', 'video', 'camera', true), track('s', 'video', 'screen'), track('sa', 'audio', 'screen-audio'),
  ])) };
  const room = /** @type {any} */ ({ state: 'connected', moderate, peers: new Map([['p1', bo]]), settings: { locked: true, lobby: false } });
  const subject = new Moderator(room, { ask: async () => ({ yes, option }) }, (sentence) => problems.push(sentence));
  return { subject, asked, problems, settled: () => new Promise((resolve) => setTimeout(resolve)) };
}

for (const { name, act, how, want } of [
  { name: 'mute', act: 'mute', want: [['mute', 'p1', 'm']] },
  { name: 'turn off what is off', act: 'hide', want: [] },
  { name: 'stop sharing, sound and all', act: 'unshare', want: [['stop', 'p1', 's'], ['stop', 'p1', 'sa']] },
  { name: 'promote', act: 'promote', want: [['setGrants', 'p1', ['publish', 'data', 'admin']]] },
  { name: 'demote', act: 'demote', want: [['setGrants', 'p1', ['publish', 'data']]] },
  { name: 'remove', act: 'remove', want: [['kick', 'p1', { banSeconds: 0 }]] },
  { name: 'remove and keep out', act: 'remove', how: { option: true }, want: [['kick', 'p1', { banSeconds: 3600 }]] },
  { name: 'remove, but not after all', act: 'remove', how: { yes: false, option: true }, want: [] },
]) {
  test(`moderator: ${name}`, async () => {
    const { subject, asked, settled } = moderator(how);
    subject.toPerson(act, 'p1');
    await settled();
    assert.deepEqual(asked, want);
  });
}

test('a room is unlocked, gets a lobby, and is ended after a second question', async () => {
  const { subject, asked, settled } = moderator();
  subject.toRoom('lock');
  subject.toRoom('lobby');
  subject.toRoom('end');
  await settled();
  assert.deepEqual(asked, [['lock', false], ['lobby', true], ['end']]);
  assert.equal(subject.ended, true);

  const other = moderator({ yes: false });
  other.subject.toRoom('end');
  await other.settled();
  assert.deepEqual(other.asked, []);
  assert.equal(other.subject.ended, false);
});

test('that somebody else was quicker is no problem, anything else is told', async () => {
  for (const { code, want } of [{ code: 'NO_SUCH_PEER', want: [] }, { code: 'NO_SUCH_TRACK', want: [] }, { code: 'NOT_GRANTED', want: ['no'] }]) {
    const { subject, problems, settled } = moderator({ refuses: { code, message: 'no' } });
    subject.answer('admit', ['p9']);
    await settled();
    assert.deepEqual(problems, want);
  }
});

/** Us, and what happens to us. @param {boolean} [sharing] */
function moderated(sharing = false) {
  /** @type {string[]} */
  const happened = [];
  const subject = new Moderated({ grants: ['publish'] }, {
    tell: (sentence) => happened.push(sentence),
    turnOff: (kind) => happened.push(`${kind} off`),
    unshare: () => {
      const was = sharing;
      sharing = false;
      return was;
    },
  });
  return { subject, happened };
}

test('who is muted is off, and told', () => {
  const { subject, happened } = moderated();
  subject.muted({ source: 'microphone' });
  subject.muted({ source: 'camera' });
  assert.deepEqual(happened, ['microphone off', 'You were muted by a moderator', 'camera off', 'A moderator turned your camera off']);
});

test('a screen and its sound are told of once', () => {
  const { subject, happened } = moderated(true);
  subject.stopped({ source: 'screen' });
  subject.stopped({ source: 'screen-audio' });
  assert.deepEqual(happened, ['A moderator stopped your sharing']);
});

test('who becomes a moderator is told, once', () => {
  const { subject, happened } = moderated();
  subject.updated({ grants: ['publish'] });
  subject.updated({ grants: ['publish', 'admin'] });
  subject.updated({ grants: ['publish', 'admin', 'record'] });
  subject.updated({ grants: ['publish'] });
  assert.deepEqual(happened, ['You are a moderator now', 'You are no longer a moderator']);
});
