import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Media } from '../media.js';

/**
 * What a browser does with encodings, as far as Media sees it.
 *
 * @type {{knowsModes: boolean, knowsSimulcast: boolean, takesModes: boolean}}
 */
let browser;

class Sender {
  #encodings;
  #transaction = 0;
  /** @param {any} track  @param {any[]} encodings */
  constructor(track, encodings) {
    this.track = track;
    this.#encodings = encodings;
  }
  getParameters() {
    return { transactionId: ++this.#transaction, encodings: structuredClone(this.#encodings) };
  }
  /** @param {any} parameters */
  async setParameters({ transactionId, encodings }) {
    await null;
    if (transactionId !== this.#transaction) throw new Error('these parameters are old');
    if (!browser.takesModes && encodings.some((/** @type {any} */ e) => e.scalabilityMode)) throw new Error('no such mode');
    this.#encodings = encodings;
  }
  /** @param {any} track */
  async replaceTrack(track) {
    this.track = track;
  }
}

class Connection extends EventTarget {
  /** @param {any} track  @param {any} init */
  addTransceiver(track, { direction, sendEncodings }) {
    if (!browser.knowsModes && sendEncodings.some((/** @type {any} */ e) => e.scalabilityMode)) throw new Error('what is a mode?');
    const sender = new Sender(track, browser.knowsSimulcast ? sendEncodings : []);
    return { direction, sender, receiver: { track }, mid: null };
  }
  close() {}
}

Object.assign(globalThis, { RTCPeerConnection: Connection, RTCRtpSender: { getCapabilities: () => null } });

beforeEach(() => {
  browser = { knowsModes: true, knowsSimulcast: true, takesModes: true };
});

const make = () => new Media({}, /** @type {any} */ ({}));

/** @returns {any} */
const camera = (width = 1280, height = 720) => ({ kind: 'video', contentHint: '', getSettings: () => ({ width, height }) });

/** @param {RTCRtpTransceiver} section */
const encodings = ({ sender }) => sender.getParameters().encodings;

/** @param {RTCRtpTransceiver} section */
const sent = (section) => encodings(section).filter(({ active }) => active).map(({ rid }) => rid ?? 'one').join(' ');

test('a camera is sent in three sizes', async () => {
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera' });
  assert.deepEqual(encodings(section), [
    { active: true, rid: 'q', maxBitrate: 152_000, scaleResolutionDownBy: 4, scalabilityMode: 'L1T3' },
    { active: true, rid: 'h', maxBitrate: 509_000, scaleResolutionDownBy: 2, scalabilityMode: 'L1T3' },
    { active: true, rid: 'f', maxBitrate: 1_700_000, scaleResolutionDownBy: 1, scalabilityMode: 'L1T3' },
  ]);
  assert.deepEqual(media.encodings(section)?.map(({ rid, width }) => `${rid} ${width}`), ['q 320', 'h 640', 'f 1280']);
});

test('a voice has no sizes to speak of', async () => {
  const media = make();
  const section = await media.send({ track: /** @type {any} */ ({ kind: 'audio', contentHint: '', getSettings: () => ({}) }), source: 'microphone' });
  assert.deepEqual(encodings(section), [{ active: true }]);
  assert.equal(media.encodings(section), undefined);
  await media.feed(false);
  assert.deepEqual(encodings(section), [{ active: false }]);
});

test('a browser without modes sends without them', async () => {
  browser.knowsModes = false;
  const section = await make().send({ track: camera(), source: 'camera' });
  assert.equal(sent(section), 'q h f');
  assert.ok(encodings(section).every((encoding) => !('scalabilityMode' in encoding)));
});

test('a browser without simulcast sends one size, and says so', async () => {
  browser.knowsSimulcast = false;
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera' });
  assert.deepEqual(media.encodings(section), [{ rid: '', width: 1280, height: 720 }]);
  await media.demand(section, { paused: true, rids: [] });
});

test('what nobody receives is not sent', async () => {
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera' });
  await media.demand(section, { paused: false, rids: ['q'] });
  assert.equal(sent(section), 'q');
  await media.demand(section, { paused: true, rids: [] });
  assert.equal(sent(section), '');
  await media.demand(section, { paused: false, rids: ['h', 'f'] });
  assert.equal(sent(section), 'h f');
});

test('changes of demand that come at once are carried out in order', async () => {
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera' });
  await Promise.all([
    media.demand(section, { paused: true, rids: [] }),
    media.demand(section, { paused: false, rids: ['q', 'h'] }),
    media.feed(false),
    media.feed(true),
    media.demand(section, { paused: false, rids: ['h'] }),
  ]);
  assert.equal(sent(section), 'h');
});

test('while two have a direct connection, the SFU gets nothing, whatever it needs', async () => {
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera' });
  await media.demand(section, { paused: false, rids: ['q'] });
  await media.feed(false);
  assert.equal(sent(section), '');
  await media.demand(section, { paused: false, rids: ['q', 'f'] });
  assert.equal(sent(section), '');
  assert.equal(sent(await media.send({ track: camera(), source: 'camera' })), '', 'nor of what is new');
  await media.feed(true);
  assert.equal(sent(section), 'q f');
});

test('a codec that does not take the mode is sent without it', async () => {
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera', codec: 'VP9' });
  assert.deepEqual(encodings(section).map(({ scalabilityMode }) => scalabilityMode), ['L3T3_KEY']);
  browser.takesModes = false;
  await media.demand(section, { paused: true, rids: [] });
  assert.equal(sent(section), '');
});

test('another source is sent in the sizes that it has', async () => {
  const media = make();
  const section = await media.send({ track: camera(), source: 'camera' });
  assert.equal(await media.fit(section, camera(640, 480)), true);
  assert.equal(sent(section), 'q h');
  assert.deepEqual(encodings(section).slice(0, 2).map(({ scaleResolutionDownBy }) => scaleResolutionDownBy), [2, 1]);
  assert.deepEqual(media.encodings(section), [{ rid: 'q', width: 320, height: 240 }, { rid: 'h', width: 640, height: 480 }]);
  assert.equal(await media.fit(section, camera(640, 480)), false, 'the same again');
  assert.equal(await media.fit(section, camera(0, 0)), false, 'nobody knows');
});

test('a section is used again for what it was made for, and begins anew', async () => {
  const media = make();
  const first = await media.send({ track: camera(), source: 'camera' });
  await media.demand(first, { paused: true, rids: [] });
  await media.release(first);
  const screen = await media.send({ track: camera(), source: 'screen' });
  assert.notEqual(screen, first, 'one size does not go into three');
  const again = await media.send({ track: camera(1920, 1080), source: 'camera' });
  assert.equal(again, first);
  assert.equal(again.direction, 'sendonly');
  assert.equal(sent(again), 'q h f');
  assert.equal(encodings(again)[2]?.maxBitrate, 3_000_000);
});
