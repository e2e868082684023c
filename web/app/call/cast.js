import { NAMELESS } from '../names.js';
import { moderates } from './rights.js';
import { ownWeakness, theirWeakness } from './weakness.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').Peer} Peer */
/** @typedef {import('/sdk/hiroba.js').Why} Why */
/** @typedef {import('./tile.js').Tile} Tile */
/** @typedef {import('./people.js').Person} Person */
/** @typedef {import('../devices/local-media.js').OwnMedia} OwnMedia */

/**
 * What the page shows of a room at one moment.
 *
 * @typedef {object} Scene
 * @property {Pick<Room, 'self' | 'peers' | 'media'>} room
 * @property {OwnMedia} own
 * @property {boolean} sharing we share our screen
 * @property {boolean} over the room is lost: no picture will come any more
 * @property {ReadonlySet<string>} speakers peer ids
 * @property {ReadonlyMap<string, Why>} whys why tracks are not received, by their ids
 * @property {Pick<import('./stills.js').Stills, 'of'>} stills
 */

/**
 * The tiles: our own first, then everybody's camera, each followed by the
 * screens that this peer shares. Our own screen has no tile: it would show
 * itself, in itself. Who is away has none, and gets the same one back.
 *
 * @param {Scene} scene
 * @returns {Tile[]}
 */
export function tilesOf({ room, own, over, speakers, whys, stills }) {
  const picture = (/** @type {string} */ track) => room.media(track) ?? stills.of(track);
  const tiles = [selfTile(room.self, own, over, speakers)];
  const coming = !over && room.self.grants.includes('subscribe');
  for (const peer of room.peers.values()) {
    if (peer.away) continue;
    const cameras = tracksOf(peer, 'video').filter((track) => track.source !== 'screen');
    const camera = cameras.find((track) => !track.muted) ?? cameras[0] ?? null;
    tiles.push({
      key: peer.id,
      peer: peer.id,
      name: nameOf(peer),
      self: false,
      kind: 'camera',
      track: camera?.id ?? null,
      media: camera && !camera.muted ? picture(camera.id) : null,
      expected: camera !== null && !camera.muted && coming,
      ...hindrance(camera && whys.get(camera.id)),
      silent: !hasMicrophone(peer),
      speaking: speakers.has(peer.id),
      weakness: over ? null : theirWeakness(peer.quality),
    });
    for (const screen of tracksOf(peer, 'video').filter((track) => track.source === 'screen')) {
      tiles.push({
        key: screen.id,
        peer: peer.id,
        name: nameOf(peer),
        self: false,
        kind: 'screen',
        track: screen.id,
        media: screen.muted ? null : picture(screen.id),
        expected: !screen.muted && coming,
        ...hindrance(whys.get(screen.id)),
        silent: false,
        speaking: false,
        weakness: null,
      });
    }
  }
  return tiles;
}

/**
 * Everybody in the room, ourselves first.
 *
 * @param {Scene} scene
 * @returns {Person[]}
 */
export function peopleOf({ room, own, sharing }) {
  const self = {
    id: room.self.id,
    name: nameOf(room.self),
    self: true,
    microphone: isOn(own.microphone),
    camera: isOn(own.camera),
    sharing,
    moderator: moderates(room.self),
    away: false,
  };
  const others = [...room.peers.values()].map((peer) => ({
    id: peer.id,
    name: nameOf(peer),
    self: false,
    microphone: hasMicrophone(peer),
    camera: tracksOf(peer, 'video').some((track) => track.source !== 'screen' && !track.muted),
    sharing: tracksOf(peer, 'video').some((track) => track.source === 'screen'),
    moderator: moderates(peer),
    away: peer.away,
  }));
  return [self, ...others];
}

/**
 * What is to be heard now.
 *
 * @param {Pick<Room, 'peers' | 'media'>} room
 * @returns {Map<string, MediaStreamTrack>} by track id
 */
export function soundsOf(room) {
  /** @type {Map<string, MediaStreamTrack>} */
  const sounds = new Map();
  for (const peer of room.peers.values()) {
    for (const track of tracksOf(peer, 'audio')) {
      const media = room.media(track.id);
      if (media) sounds.set(track.id, media);
    }
  }
  return sounds;
}

/** @param {{name: string}} peer */
export function nameOf(peer) {
  return peer.name.trim() || NAMELESS;
}

/** @param {import('../devices/local-media.js').Source} source */
export function isOn(source) {
  return source.wanted && source.track !== null;
}

/** @param {Why | null} [why] */
function hindrance(why) {
  return { unplayable: why === 'CODEC_NOT_NEGOTIATED', starved: why === 'BANDWIDTH' };
}

/**
 * @param {Pick<Peer, 'id' | 'name' | 'quality'>} self
 * @param {OwnMedia} own
 * @param {boolean} over
 * @param {ReadonlySet<string>} speakers
 * @returns {Tile}
 */
function selfTile(self, own, over, speakers) {
  return {
    key: 'self',
    peer: self.id,
    name: nameOf(self),
    self: true,
    kind: 'camera',
    track: null,
    media: own.camera.wanted ? own.camera.track : null,
    expected: isOn(own.camera),
    ...hindrance(null),
    silent: !isOn(own.microphone),
    speaking: speakers.has(self.id),
    weakness: over ? null : ownWeakness(self.quality),
  };
}

/**
 * @param {Peer} peer
 * @param {'audio' | 'video'} kind
 */
function tracksOf(peer, kind) {
  return [...peer.tracks.values()].filter((track) => track.kind === kind);
}

/** @param {Peer} peer */
function hasMicrophone(peer) {
  return tracksOf(peer, 'audio').some((track) => track.source !== 'screen-audio' && !track.muted);
}
