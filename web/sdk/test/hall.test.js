import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hall } from '../hall.js';
import { Moderation } from '../moderation.js';

/** A hall and what it told. */
function make() {
  /** @type {string[]} */
  const log = [];
  const hall = new Hall({
    settings: ({ locked, topology }) => log.push(`settings ${locked} ${topology}`),
    topology: ({ mode, epoch }) => log.push(`topology ${mode} ${epoch}`),
    knock: ({ name }, over) => log.push(`knock ${name} ${over}`),
  });
  return { hall, log };
}

test('the room is followed', () => {
  const { hall, log } = make();
  hall.reset({ settings: { lobby: true }, knocks: [{ peer: 'a', name: 'Ann' }] });
  assert.deepEqual(log, [], 'what was there already is no news');
  assert.deepEqual([hall.settings.lobby, hall.settings.topology, hall.topology.mode, [...hall.knocks.keys()]], [true, 'auto', 'sfu', ['a']]);

  hall.apply({ roomUpdated: { settings: { locked: true, topology: 'TOPOLOGY_SFU' } } });
  hall.apply({ topology: { mode: 'P2P', epoch: '4', peer: 'b' } });
  hall.apply({ knock: { peer: 'b', name: 'Bob' } });
  hall.apply({ knock: { peer: 'a', over: true } });
  assert.equal(hall.apply({ speakers: {} }), false);
  assert.deepEqual(log, ['settings true sfu', 'topology p2p 4', 'knock Bob false', 'knock Ann true']);
});

test('a snapshot tells who came to the door and who went', () => {
  const { hall, log } = make();
  hall.reset({ knocks: [{ peer: 'a', name: 'Ann' }, { peer: 'b', name: 'Bob' }] });
  hall.catchUp({ settings: { locked: true }, knocks: [{ peer: 'b', name: 'Bob' }, { peer: 'c', name: 'Cat' }] });
  assert.deepEqual(log, ['settings true auto', 'topology sfu 0', 'knock Ann true', 'knock Cat false']);
  assert.deepEqual([...hall.knocks.keys()], ['b', 'c']);
});

test('moderation in the words of the protocol', async (t) => {
  /** @type {[string, (m: Moderation) => Promise<void>, object][]} */
  const cases = [
    ['mute', (m) => m.mute('p', 't'), { mute: { peer: 'p', track: 't' } }],
    ['stop', (m) => m.stop('p', 't'), { stop: { peer: 'p', track: 't' } }],
    ['kick', (m) => m.kick('p'), { kick: { peer: 'p', banSeconds: 0 } }],
    ['ban', (m) => m.kick('p', { banSeconds: 60 }), { kick: { peer: 'p', banSeconds: 60 } }],
    ['grants', (m) => m.setGrants('p', ['publish', 'data'], { role: 'guest' }), { grants: { peer: 'p', grants: ['PUBLISH', 'DATA'], role: 'guest' } }],
    ['admit', (m) => m.admit('p'), { admit: 'p' }],
    ['refuse', (m) => m.refuse('p'), { refuse: 'p' }],
    ['lock', (m) => m.lock(), { room: { locked: true } }],
    ['unlock', (m) => m.lock(false), { room: { locked: false } }],
    ['lobby', (m) => m.lobby(), { room: { lobby: true } }],
    ['change', (m) => m.change({ topology: 'p2p', maxPeers: 2 }), { room: { topology: 'TOPOLOGY_P2P', maxPeers: 2 } }],
    ['end', (m) => m.end(), { end: {} }],
  ];
  for (const [name, act, want] of cases) {
    await t.test(name, async () => {
      /** @type {object[]} */
      const sent = [];
      await act(new Moderation(/** @type {any} */ ({ request: async (/** @type {object} */ body) => void sent.push(body) })));
      assert.deepEqual(sent, [{ moderate: want }]);
    });
  }
});
