import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Channel } from '../channel.js';

const MiB = 1 << 20;

/** A DataChannel whose network the test is. */
class FakeChannel extends EventTarget {
  label = 'reliable';
  binaryType = 'blob';
  readyState = 'connecting';
  bufferedAmount = 0;
  bufferedAmountLowThreshold = 0;
  /** @type {number[]} first byte of each message */
  sent = [];

  /** @param {Uint8Array} bytes */
  send(bytes) {
    assert.equal(this.readyState, 'open');
    this.sent.push(bytes[0]);
    this.bufferedAmount += bytes.length;
  }

  /** @param {string} state */
  become(state) {
    this.readyState = state;
    this.dispatchEvent(new Event(state === 'open' ? 'open' : 'close'));
  }

  drain() {
    this.bufferedAmount = 0;
    this.dispatchEvent(new Event('bufferedamountlow'));
  }
}

function make() {
  const fake = new FakeChannel();
  /** @type {Uint8Array[]} */
  const received = [];
  const channel = new Channel(/** @type {any} */ (fake), (bytes) => received.push(bytes));
  return { fake, channel, received };
}

/** Lets all that is ready run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('what is sent early goes out when the channel opens, in order', async () => {
  const { fake, channel } = make();
  const sent = [1, 2, 3].map((n) => channel.send(Uint8Array.of(n)));
  await settle();
  assert.deepEqual(fake.sent, []);
  fake.become('open');
  await Promise.all(sent);
  assert.deepEqual(fake.sent, [1, 2, 3]);
});

test('above 1 MiB unsent, senders wait', async () => {
  const { fake, channel } = make();
  fake.become('open');
  await channel.send(new Uint8Array(MiB).fill(1));
  await channel.send(new Uint8Array(10).fill(2));
  const third = channel.send(Uint8Array.of(3));
  await settle();
  assert.deepEqual(fake.sent, [1, 2], 'the third waits');
  fake.drain();
  await third;
  assert.deepEqual(fake.sent, [1, 2, 3]);
});

test('who waits when the channel closes is told', async () => {
  const { fake, channel } = make();
  const waiting = channel.send(Uint8Array.of(1));
  fake.become('closed');
  await assert.rejects(waiting, { code: 'CHANNEL_CLOSED', retry: true });
  await assert.rejects(channel.send(Uint8Array.of(2)), { code: 'CHANNEL_CLOSED' });
});

test('who waits when the room is left is told, and nothing is heard any more', async () => {
  const { fake, channel, received } = make();
  const waiting = channel.send(Uint8Array.of(1));
  channel.close();
  await assert.rejects(waiting, { code: 'CLOSED' });
  fake.dispatchEvent(new MessageEvent('message', { data: new ArrayBuffer(1) }));
  assert.deepEqual(received, []);
});

test('bytes are handed on, text is not', () => {
  const { fake, received } = make();
  assert.equal(fake.binaryType, 'arraybuffer');
  fake.dispatchEvent(new MessageEvent('message', { data: Uint8Array.of(7).buffer }));
  fake.dispatchEvent(new MessageEvent('message', { data: 'text' }));
  assert.deepEqual(received, [Uint8Array.of(7)]);
});
