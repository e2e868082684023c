import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Direct } from '../direct.js';
import { Roster } from '../roster.js';

mock.timers.enable({ apis: ['setTimeout'] });

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Enough of a browser's connection to see what is done with it. */
class Connection extends EventTarget {
  /** @type {Connection[]} */
  static all = [];
  static refuses = false;
  connectionState = 'new';
  signalingState = 'stable';
  remoteDescription = null;
  localDescription = null;
  /** @type {string[]} */
  taken = [];

  /** @param {RTCConfiguration} configuration */
  constructor(configuration) {
    super();
    if (Connection.refuses) throw new Error('no more');
    this.configuration = configuration;
    Connection.all.push(this);
  }

  createDataChannel() {}
  getTransceivers() {
    return [];
  }

  /** @param {any} description */
  async setRemoteDescription(description) {
    if (description.sdp === 'nonsense') throw new Error('bad');
    this.taken.push(description.sdp);
  }

  /** @param {any} candidate */
  async addIceCandidate({ candidate }) {
    this.taken.push(candidate);
  }

  close() {
    this.connectionState = 'closed';
  }
}
/** @type {any} */ (globalThis).RTCPeerConnection = Connection;

function make(options = {}) {
  Connection.all = [];
  Connection.refuses = false;
  const roster = new Roster();
  roster.reset({ peer: 'me', peers: [{ id: 'ann' }] });
  /** @type {any[]} */
  const said = [];
  /** @type {boolean[]} */
  const fed = [];
  const link = {
    welcome: { iceServers: [{ urls: ['stun:h:1', 'turn:h:1'], username: 'u', credential: 'c' }] },
    request: async (/** @type {any} */ body) => said.push(body),
  };
  const direct = new Direct(/** @type {any} */ (link), /** @type {any} */ ({ feed: async (/** @type {boolean} */ on) => fed.push(on) }),
    /** @type {any} */ ({ watch: () => {}, sent: () => [] }), /** @type {any} */ ({ prefer: () => {}, refresh: () => {} }), roster, options);
  return { direct, said, fed };
}

/** @type {import('../messages.js').Topology} */
const P2P = { mode: 'P2P', epoch: '3', peer: 'ann' };

test('there is a connection while the server says so', () => {
  const { direct, fed } = make();
  direct.follow(undefined);
  direct.follow({ mode: 'SFU', epoch: '2' });
  assert.equal(Connection.all.length, 0);
  direct.follow(P2P);
  direct.follow(P2P);
  assert.equal(Connection.all.length, 1);
  direct.follow({ ...P2P, epoch: '5' });
  assert.equal(Connection.all.length, 2, 'another epoch, another connection');
  fed.length = 0;
  direct.follow({ ...P2P, epoch: '5', moved: true });
  assert.deepEqual(fed, [], 'what is not received here is not left either');
  direct.follow({ mode: 'SFU', epoch: '6' });
  assert.deepEqual(fed, [true], 'the SFU is fed at once');
  direct.close();
  assert.deepEqual(Connection.all.map((connection) => connection.connectionState), ['closed', 'closed']);
});

test('what a connection is given to find a path', async (t) => {
  const named = [{ urls: ['stun:h:1', 'turn:h:1'], username: 'u', credential: 'c' }];
  const own = [{ urls: 'stun:own' }];
  const cases = [
    { name: 'all that the server names', options: {}, topology: P2P, want: { iceServers: named, iceTransportPolicy: undefined } },
    { name: 'the room hides addresses', options: {}, topology: { ...P2P, relayOnly: true }, want: { iceServers: named, iceTransportPolicy: 'relay' } },
    { name: 'this client does', options: { iceTransportPolicy: 'relay' }, topology: P2P, want: { iceServers: named, iceTransportPolicy: 'relay' } },
    { name: 'servers of its own', options: { iceServers: own }, topology: P2P, want: { iceServers: own, iceTransportPolicy: undefined } },
  ];
  for (const { name, options, topology, want } of cases) {
    await t.test(name, () => {
      const { direct } = make(options);
      direct.follow(topology);
      const { iceServers, iceTransportPolicy } = Connection.all[0].configuration;
      assert.deepEqual({ iceServers, iceTransportPolicy }, want);
      direct.close();
    });
  }
});

test('only what is said of the present leg reaches it', async (t) => {
  const candidate = (/** @type {object} */ more) => ({ candidate: { candidate: 'c', ...more } });
  const cases = [
    { name: 'of this leg', signal: { from: 'ann', ...candidate({ epoch: '3' }) }, taken: true, want: ['c'] },
    { name: 'late', signal: { from: 'ann', ...candidate({ epoch: '1' }) }, taken: true, want: [] },
    { name: 'early', signal: { from: 'ann', ...candidate({ epoch: '5' }) }, taken: true, want: [] },
    { name: 'from somebody else', signal: { from: 'bob', ...candidate({ epoch: '3' }) }, taken: true, want: [] },
    { name: 'the application’s own', signal: { from: 'ann', ...candidate({}) }, taken: false, want: [] },
  ];
  for (const { name, signal, taken, want } of cases) {
    await t.test(name, async () => {
      const { direct } = make();
      direct.follow(P2P);
      assert.equal(direct.take(signal), taken);
      await settle();
      assert.deepEqual(Connection.all[0].taken, want);
      direct.close();
    });
  }
});

test('a leg that cannot be made is told of', async () => {
  const { direct, said, fed } = make();
  Connection.refuses = true;
  direct.follow(P2P);
  assert.deepEqual(said.splice(0), [{ direct: { epoch: '3', state: 'FAILED' } }], 'the browser makes no connection');
  Connection.refuses = false;
  direct.follow({ ...P2P, epoch: '5' });
  fed.length = 0;
  direct.take({ from: 'ann', description: { type: 'OFFER', sdp: 'nonsense', epoch: '5' } });
  await settle();
  assert.deepEqual(said, [{ direct: { epoch: '5', state: 'FAILED' } }], 'what the other peer says makes no sense');
  assert.deepEqual(fed, [true]);
  direct.close();
});
