import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Roster } from '../roster.js';

/** @import { ServerMessage } from '../messages.js' */

/** Ann has a camera; this client is me. */
function room() {
  const roster = new Roster();
  roster.reset({
    peer: 'me',
    peers: [{ id: 'ann', name: 'Ann', tracks: [{ id: 'cam', kind: 'VIDEO', source: 'camera' }] }],
  });
  return roster;
}

/**
 * Applies messages and writes down each change in short.
 *
 * @param {Roster} roster
 * @param {ServerMessage[]} messages
 */
function changes(roster, ...messages) {
  /** @type {string[]} */
  const list = [];
  for (const message of messages) {
    for (const [name, subject, detail] of roster.apply(message)) {
      list.push([name, subject.id, typeof detail === 'string' ? detail : detail?.id].filter(Boolean).join(' '));
    }
  }
  return list;
}

test('the snapshot is there without events', () => {
  const roster = room();
  assert.deepEqual([...roster.peers.keys()], ['ann']);
  const track = roster.track('cam');
  assert.deepEqual([track?.kind, track?.source, track?.muted, track?.peer.name], ['video', 'camera', false, 'Ann']);
});

test('a message changes the roster and says how', async (t) => {
  /** @type {{name: string, messages: ServerMessage[], want: string[]}[]} */
  const cases = [
    { name: 'a peer joins', messages: [{ peerJoined: { peer: { id: 'bob' } } }], want: ['peer-joined bob'] },
    {
      name: 'a peer joins with tracks',
      messages: [{ peerJoined: { peer: { id: 'bob', tracks: [{ id: 'mic', kind: 'AUDIO' }] } } }],
      want: ['peer-joined bob', 'track-published mic bob'],
    },
    { name: 'a peer that is there joins', messages: [{ peerJoined: { peer: { id: 'ann' } } }], want: [] },
    { name: 'this client joins', messages: [{ peerJoined: { peer: { id: 'me' } } }], want: [] },
    {
      name: 'a peer leaves, its tracks first',
      messages: [{ peerLeft: { peer: 'ann', reason: 'LEFT' } }],
      want: ['track-removed cam ann', 'peer-left ann LEFT'],
    },
    { name: 'no reason is a loss', messages: [{ peerLeft: { peer: 'ann' } }], want: ['track-removed cam ann', 'peer-left ann LOST'] },
    { name: 'an unknown peer leaves', messages: [{ peerLeft: { peer: 'bob' } }], want: [] },
    {
      name: 'a track is published',
      messages: [{ trackPublished: { peer: 'ann', track: { id: 'screen', kind: 'VIDEO' } } }],
      want: ['track-published screen ann'],
    },
    {
      name: 'a track is published twice',
      messages: [{ trackPublished: { peer: 'ann', track: { id: 'cam', kind: 'VIDEO', source: 'camera' } } }],
      want: [],
    },
    {
      name: 'a track of an unknown peer',
      messages: [{ trackPublished: { peer: 'bob', track: { id: 'x', kind: 'VIDEO' } } }],
      want: [],
    },
    {
      name: 'own tracks are kept elsewhere',
      messages: [{ trackPublished: { peer: 'me', track: { id: 'x', kind: 'VIDEO' } } }],
      want: [],
    },
    {
      name: 'a track is muted, twice',
      messages: Array(2).fill({ trackUpdated: { peer: 'ann', track: { id: 'cam', kind: 'VIDEO', source: 'camera', muted: true } } }),
      want: ['track-updated cam ann'],
    },
    { name: 'a track is removed, twice', messages: Array(2).fill({ trackRemoved: { peer: 'ann', track: 'cam' } }), want: ['track-removed cam ann'] },
    {
      name: 'a peer is described anew, twice',
      messages: Array(2).fill({ peerUpdated: { peer: { id: 'ann', name: 'Ann', role: 'guest', grants: ['PUBLISH'], away: true } } }),
      want: ['peer-updated ann'],
    },
    { name: 'an unknown peer is described', messages: [{ peerUpdated: { peer: { id: 'bob', name: 'Bob' } } }], want: [] },
    { name: 'a peer is removed', messages: [{ peerLeft: { peer: 'ann', reason: 'REMOVED' } }], want: ['track-removed cam ann', 'peer-left ann REMOVED'] },
    { name: 'about something else', messages: [{ speakers: { peers: ['ann'] } }, { done: {} }], want: [] },
    {
      name: 'bodies with nothing in them',
      messages: [{ peerJoined: {} }, { peerLeft: {} }, { trackPublished: {} }, { trackUpdated: {} }, { trackRemoved: {} }],
      want: [],
    },
  ];
  for (const { name, messages, want } of cases) {
    await t.test(name, () => assert.deepEqual(changes(room(), ...messages), want));
  }
});

test('a listener sees the room as of its own event', () => {
  const roster = room();
  const joined = roster.apply({ peerJoined: { peer: { id: 'bob', tracks: [{ id: 'mic', kind: 'AUDIO' }] } } });
  joined.next();
  assert.equal(roster.peers.get('bob')?.tracks.size, 0, 'joined: no track yet');
  joined.next();
  assert.equal(roster.peers.get('bob')?.tracks.size, 1, 'published');

  const left = roster.apply({ peerLeft: { peer: 'bob' } });
  left.next();
  assert.ok(roster.peers.has('bob'), 'its track is removed before it leaves');
  left.next();
  assert.ok(!roster.peers.has('bob'), 'left');
});

test('a track stays the same object while it changes', () => {
  const roster = room();
  const before = roster.track('cam');
  changes(roster, { trackUpdated: { peer: 'ann', track: { id: 'cam', kind: 'VIDEO', source: 'screen', muted: true } } });
  assert.equal(roster.track('cam'), before);
  assert.deepEqual([before?.source, before?.muted], ['screen', true]);
});

test('what a peer is, in the words of the SDK', () => {
  const roster = room();
  changes(roster, { peerUpdated: { peer: { id: 'ann', name: 'Ann B', user: 'u', role: 'moderator', metadata: 'm', grants: ['PUBLISH', 'ADMIN'], joinedMs: '12' } } });
  const { id, tracks, quality, ...rest } = roster.peers.get('ann') ?? {};
  assert.deepEqual(rest, { name: 'Ann B', user: 'u', role: 'moderator', metadata: 'm', grants: ['publish', 'admin'], away: false, joinedMs: 12 });
  assert.equal(tracks?.size, 1, 'its tracks stay');
  assert.equal(quality?.score, 100, 'nothing is known against it');
});

test('a later snapshot is told as the changes that were missed', () => {
  const roster = new Roster();
  roster.reset({
    peer: 'me',
    peers: [
      { id: 'ann', name: 'Ann', tracks: [{ id: 'cam', kind: 'VIDEO' }, { id: 'mic', kind: 'AUDIO' }] },
      { id: 'bob', name: 'Bob', tracks: [{ id: 'screen', kind: 'VIDEO' }] },
      { id: 'eve', name: 'Eve' },
    ],
  });
  const list = [...roster.catchUp({
    peer: 'me',
    peers: [
      { id: 'me' },
      { id: 'ann', name: 'Anne', tracks: [{ id: 'mic', kind: 'AUDIO', muted: true }, { id: 'new', kind: 'VIDEO' }] },
      { id: 'eve', name: 'Eve' },
      { id: 'dan', name: 'Dan', tracks: [{ id: 'd', kind: 'AUDIO' }] },
    ],
  })].map(([name, subject]) => `${name} ${subject.id}`);
  assert.deepEqual(list, [
    'track-removed cam', 'track-removed screen', 'peer-left bob', 'peer-updated ann', 'track-updated mic', 'track-published new',
    'peer-joined dan', 'track-published d',
  ]);
  assert.deepEqual([...roster.peers.keys()], ['ann', 'eve', 'dan']);
});
