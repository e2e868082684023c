import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HirobaError } from '../errors.js';
import { Publication } from '../publication.js';

/** A publication of a track, whose server can be made to refuse. */
function make(options = {}) {
  const track = { kind: 'video', enabled: true, contentHint: '' };
  const state = /** @type {any} */ ({
    id: 't', kind: 'video', source: 'camera', muted: false, peer: {}, track,
    transceiver: { sender: { replaceTrack: async () => {} } }, ...options,
  });
  const server = { refuses: false, stops: 0, /** @type {boolean[]} */ told: [], /** @type {any[]} */ replaced: [] };
  const publication = new Publication(state, {
    mute: async () => {
      if (server.refuses) throw new HirobaError('TIMEOUT', 'no answer');
      server.told.push(state.muted);
    },
    stop: async () => {
      server.stops++;
    },
    replaced: () => server.replaced.push(state.track),
  });
  return { publication, track, server };
}

test('a muted track sends nothing from the moment of the call', async () => {
  const { publication, track, server } = make();
  const muted = publication.mute();
  assert.deepEqual([track.enabled, publication.muted], [false, true]);
  await muted;
  await publication.unmute();
  assert.deepEqual([track.enabled, publication.muted], [true, false]);
  assert.deepEqual(server.told, [true, false]);
});

test('when the server cannot be told, the track stays silent', async () => {
  const { publication, track, server } = make();
  server.refuses = true;
  await assert.rejects(publication.mute(), { code: 'TIMEOUT' });
  assert.deepEqual([track.enabled, publication.muted], [false, true], 'mute');
  await assert.rejects(publication.unmute(), { code: 'TIMEOUT' });
  assert.deepEqual([track.enabled, publication.muted], [false, true], 'unmute');
});

test('the last of two calls counts', async () => {
  const { publication, track } = make();
  await Promise.all([publication.mute(), publication.unmute(), publication.mute()]);
  assert.deepEqual([track.enabled, publication.muted], [false, true]);
});

test('a track that takes the place of another is as muted as that was', async () => {
  const { publication, server } = make({ muted: true });
  const other = { kind: 'video', enabled: true, contentHint: '' };
  await publication.replace(/** @type {any} */ (other));
  assert.equal(other.enabled, false);
  assert.equal(publication.track, other);
  await publication.replace(null);
  await publication.unmute();
  assert.equal(publication.track, null);
  assert.deepEqual(server.replaced, [other, null], 'other connections that carry it know');
});

test('a shared screen wants sharpness, unless its owner says otherwise', () => {
  assert.equal(make({ source: 'screen' }).track.contentHint, 'detail');
  assert.equal(make().track.contentHint, '');
});

test('it is stopped once', async () => {
  const { publication, server } = make();
  await Promise.all([publication.stop(), publication.stop()]);
  assert.equal(server.stops, 1);
});

test('a moderator mutes it, and its publisher takes that back', async () => {
  const { publication, track, server } = make();
  publication.mutedByServer();
  assert.deepEqual([publication.muted, track.enabled, server.told], [true, false, []]);
  await publication.unmute();
  assert.deepEqual([publication.muted, track.enabled, server.told], [false, true, [false]]);
});
