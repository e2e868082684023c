import assert from 'node:assert/strict';
import { test } from 'node:test';
import { peopleOf, soundsOf, tilesOf } from '../call/cast.js';

const GOOD = { score: 100, cause: '', tracks: new Map() };
const OFF = { wanted: false, track: null, problem: null };

/**
 * A room with one other peer, who publishes these tracks; those with `media`
 * are received.
 *
 * @param {{id: string, kind: string, source: string, muted?: boolean, media?: boolean}[]} tracks
 * @param {object} [more]
 */
function scene(tracks, more = {}) {
  const peer = { id: 'p1', name: 'Bo', away: false, quality: GOOD, grants: ['admin'], tracks: new Map(tracks.map((track) => [track.id, { muted: false, ...track }])) };
  const room = {
    self: { id: 'me', name: 'Ann', quality: GOOD, grants: ['publish', 'subscribe', 'data'], tracks: new Map() },
    peers: new Map([['p1', peer]]),
    media: (/** @type {string} */ id) => (tracks.find((track) => track.id === id)?.media ? `media of ${id}` : null),
  };
  const own = { camera: OFF, microphone: OFF, devices: [], chosen: { camera: '', microphone: '', speaker: '' } };
  return /** @type {any} */ ({ room, own, sharing: false, over: false, speakers: new Set(), whys: new Map(), stills: { of: () => null }, ...more });
}

const CAMERA = { id: 'c', kind: 'video', source: 'camera' };
const MICROPHONE = { id: 'm', kind: 'audio', source: 'microphone' };
const SCREEN = { id: 's', kind: 'video', source: 'screen' };

for (const { name, tracks, more, want } of [
  { name: 'nothing published', tracks: [], want: { track: null, media: null, expected: false, silent: true } },
  { name: 'camera received', tracks: [{ ...CAMERA, media: true }, MICROPHONE], want: { track: 'c', media: 'media of c', expected: true, silent: false } },
  { name: 'camera on its way', tracks: [CAMERA], want: { track: 'c', media: null, expected: true } },
  { name: 'camera off', tracks: [{ ...CAMERA, muted: true, media: true }], want: { track: 'c', media: null, expected: false } },
  { name: 'microphone off', tracks: [{ ...MICROPHONE, muted: true }], want: { silent: true } },
  { name: 'only the sound of a screen', tracks: [{ id: 'sa', kind: 'audio', source: 'screen-audio' }], want: { silent: true } },
  { name: 'speaking', tracks: [MICROPHONE], more: { speakers: new Set(['p1']) }, want: { speaking: true } },
  { name: 'a codec we do not have', tracks: [CAMERA], more: { whys: new Map([['c', 'CODEC_NOT_NEGOTIATED']]) }, want: { unplayable: true, starved: false } },
  { name: 'paused while nobody looked', tracks: [CAMERA], more: { stills: { of: () => 'its last picture' } }, want: { media: 'its last picture' } },
  { name: 'off while nobody looked', tracks: [{ ...CAMERA, muted: true }], more: { stills: { of: () => 'its last picture' } }, want: { media: null } },
  { name: 'a link that carries no picture', tracks: [CAMERA], more: { whys: new Map([['c', 'BANDWIDTH']]) }, want: { starved: true, unplayable: false, expected: true } },
  { name: 'a link that carries another picture', tracks: [CAMERA], more: { whys: new Map([['x', 'BANDWIDTH']]) }, want: { starved: false } },
  { name: 'the room is lost', tracks: [CAMERA], more: { over: true }, want: { expected: false } },
]) {
  test(`tile: ${name}`, () => {
    const tile = tilesOf(scene(tracks, more)).find((found) => found.peer === 'p1');
    for (const [key, value] of Object.entries(want)) assert.equal(/** @type {any} */ (tile)[key], value, key);
  });
}

test('we are first, and a screen follows whose it is', () => {
  const tiles = tilesOf(scene([{ ...CAMERA, media: true }, { ...SCREEN, media: true }]));
  assert.deepEqual(tiles.map(({ key, kind, self }) => [key, kind, self]), [['self', 'camera', true], ['p1', 'camera', false], ['s', 'screen', false]]);
});

test('people are listed with what they have on', () => {
  const [self, other] = peopleOf(scene([CAMERA, { ...MICROPHONE, muted: true }, SCREEN], { sharing: true }));
  assert.deepEqual({ ...self }, { id: 'me', name: 'Ann', self: true, microphone: false, camera: false, sharing: true, moderator: false, away: false });
  assert.deepEqual({ ...other }, { id: 'p1', name: 'Bo', self: false, microphone: false, camera: true, sharing: true, moderator: true, away: false });
});

test('who is away has no tile, but is listed', () => {
  const away = scene([{ ...CAMERA, media: true }, { ...SCREEN, media: true }]);
  away.room.peers.get('p1').away = true;
  assert.deepEqual(tilesOf(away).map(({ key }) => key), ['self']);
  assert.deepEqual(peopleOf(away).map(({ id, away }) => [id, away]), [['me', false], ['p1', true]]);
});

test('whose connection is weak has that on their tile, not on their screen', () => {
  const weak = scene([CAMERA, SCREEN]);
  weak.room.self.quality = { ...GOOD, score: 50, cause: 'downlink' };
  weak.room.peers.get('p1').quality = { ...GOOD, score: 20, cause: 'uplink' };
  assert.deepEqual(tilesOf(weak).map(({ weakness }) => weakness && [weakness.bars, weakness.words]),
    [[2, 'Your connection is weak'], [1, 'Their connection is weak'], null]);
  assert.deepEqual(tilesOf({ ...weak, over: true }).map(({ weakness }) => weakness), [null, null, null]);
});

test('who may not watch waits for no picture', () => {
  const blind = scene([CAMERA]);
  blind.room.self.grants = ['data'];
  assert.equal(tilesOf(blind).find(({ peer }) => peer === 'p1')?.expected, false);
});

test('every sound that is received is heard', () => {
  const { room } = scene([{ ...MICROPHONE, media: true }, { id: 'sa', kind: 'audio', source: 'screen-audio', media: true }, { ...CAMERA, media: true }]);
  assert.deepEqual([...soundsOf(room).keys()], ['m', 'sa']);
});
