import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Publisher } from '../call/publisher.js';

/** A room that notes what is asked of it. */
class NotingRoom {
  state = 'connected';
  publications = new Map();
  /** @type {string[]} */
  notes = [];

  /**
   * @param {string} track
   * @param {{source: string, muted?: boolean}} options
   */
  async publish(track, { source, muted = false }) {
    this.notes.push(`publish ${source}${muted ? ' muted' : ''}`);
    const publication = {
      source, track, muted,
      mute: async () => this.notes.push(`mute ${source}`) && (publication.muted = true),
      unmute: async () => this.notes.push(`unmute ${source}`) && (publication.muted = false),
      replace: async (/** @type {string} */ other) => this.notes.push(`replace ${source}`) && (publication.track = other),
    };
    this.publications.set(source, publication);
  }
}

const OFF = { wanted: false, track: null, problem: null };
const SILENT = { wanted: false, track: 'm1', problem: null };
const VOICE = { wanted: true, track: 'm1', problem: null };
const PICTURE = { wanted: true, track: 'c1', problem: null };
const OTHER_PICTURE = { wanted: true, track: 'c2', problem: null };

/**
 * @param {{camera: object, microphone: object}[]} steps what the devices are, one after the other
 * @returns {Promise<string[]>} what was asked of the room in the last step
 */
async function follow(...steps) {
  const room = new NotingRoom();
  const media = { camera: OFF, microphone: OFF };
  const publisher = new Publisher(/** @type {any} */ (room), /** @type {any} */ (media));
  for (const step of steps) {
    room.notes = [];
    Object.assign(media, step);
    publisher.follow();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return room.notes;
}

for (const { name, steps, want } of [
  { name: 'no devices', steps: [{ camera: OFF, microphone: OFF }], want: [] },
  { name: 'both on', steps: [{ camera: PICTURE, microphone: VOICE }], want: ['publish microphone', 'publish camera'] },
  { name: 'a silent microphone is there already', steps: [{ camera: OFF, microphone: SILENT }], want: ['publish microphone muted'] },
  { name: 'nothing has changed', steps: [{ camera: PICTURE, microphone: VOICE }, { camera: PICTURE, microphone: VOICE }], want: [] },
  { name: 'microphone off', steps: [{ camera: OFF, microphone: VOICE }, { camera: OFF, microphone: SILENT }], want: ['mute microphone'] },
  { name: 'microphone on', steps: [{ camera: OFF, microphone: SILENT }, { camera: OFF, microphone: VOICE }], want: ['unmute microphone'] },
  { name: 'camera off', steps: [{ camera: PICTURE, microphone: OFF }, { camera: OFF, microphone: OFF }], want: ['mute camera', 'replace camera'] },
  { name: 'camera on again', steps: [{ camera: PICTURE, microphone: OFF }, { camera: OFF, microphone: OFF }, { camera: PICTURE, microphone: OFF }], want: ['replace camera', 'unmute camera'] },
  { name: 'another camera', steps: [{ camera: PICTURE, microphone: OFF }, { camera: OTHER_PICTURE, microphone: OFF }], want: ['replace camera'] },
]) {
  test(`publisher: ${name}`, async () => assert.deepEqual(await follow(...steps), want));
}

test('publisher: what cannot be sent is told', async () => {
  const room = Object.assign(new NotingRoom(), { publish: () => Promise.reject(new Error('no room left')) });
  const publisher = new Publisher(/** @type {any} */ (room), /** @type {any} */ ({ camera: OFF, microphone: VOICE }));
  const told = new Promise((resolve) => publisher.addEventListener('problem', (event) => resolve(/** @type {CustomEvent} */ (event).detail)));
  publisher.follow();
  assert.match(String(await told), /no room left/);
});
