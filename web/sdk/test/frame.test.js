import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFrame, encodeFrame } from '../frame.js';

const bytes = (/** @type {string} */ hex) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (/** @type {Uint8Array} */ data) => Buffer.from(data).toString('hex');

test('a frame is encoded as protobuf', async (t) => {
  const cases = [
    { name: 'empty', frame: {}, want: '' },
    { name: 'topic', frame: { topic: 'pos' }, want: '1a 03 706f73' },
    { name: 'two receivers', frame: { to: ['a', 'bc'] }, want: '12 01 61 12 02 6263' },
    { name: 'an empty receiver stays one', frame: { to: [''] }, want: '12 00' },
    { name: 'payload', frame: { payload: bytes('00 ff') }, want: '22 02 00ff' },
    { name: 'text outside ASCII', frame: { topic: '広場' }, want: '1a 06 e5ba83e5a0b4' },
    { name: 'part', frame: { payload: bytes('07'), part: { message: 1, run: 300, offset: 0, total: 16777216 } }, want: '22 01 07 2a 0a 0801 10ac02 2080808008' },
    { name: 'all', frame: { to: ['a'], topic: 't', payload: bytes('07') }, want: '12 01 61 1a 01 74 22 01 07' },
  ];
  for (const { name, frame, want } of cases) {
    await t.test(name, () => assert.equal(hex(encodeFrame(frame)), want.replaceAll(' ', '')));
  }
});

test('what was encoded is decoded', async (t) => {
  for (const size of [0, 1, 127, 128, 16_383, 16_384, 300_000]) {
    await t.test(`payload of ${size} bytes`, () => {
      const payload = Uint8Array.from({ length: size }, (_, i) => i % 251);
      const frame = { to: ['one', 'two'], topic: 'ひろば', payload };
      assert.deepEqual(decodeFrame(encodeFrame(frame)), { from: '', ...frame });
    });
  }
});

test('a frame from the SFU is decoded', async (t) => {
  const empty = { from: '', to: [], topic: '', payload: new Uint8Array() };
  const cases = [
    { name: 'nothing', data: '', want: empty },
    { name: 'sender', data: '0a 02 7031', want: { ...empty, from: 'p1' } },
    { name: 'fields in another order', data: '22 01 07 0a 01 61', want: { ...empty, from: 'a', payload: bytes('07') } },
    { name: 'the last one counts', data: '1a 01 61 1a 01 62', want: { ...empty, topic: 'b' } },
    { name: 'a length in more bytes than it needs', data: '1a 81 80 00 61', want: { ...empty, topic: 'a' } },
    { name: 'unknown number', data: '28 ff01 1a 01 61', want: { ...empty, topic: 'a' } },
    { name: 'unknown 64-bit number', data: '28 ffffffffffffffffff01 1a 01 61', want: { ...empty, topic: 'a' } },
    { name: 'unknown fixed64', data: '29 0102030405060708 1a 01 61', want: { ...empty, topic: 'a' } },
    { name: 'unknown fixed32', data: '2d 01020304 1a 01 61', want: { ...empty, topic: 'a' } },
    { name: 'unknown bytes', data: '3a 02 ffff 1a 01 61', want: { ...empty, topic: 'a' } },
    { name: 'a part', data: '2a 0a 08 05 10 06 18 07 20 808008', want: { ...empty, part: { message: 5, run: 6, offset: 7, total: 131072 } } },
    { name: 'a part of zeros', data: '2a 00', want: { ...empty, part: { message: 0, run: 0, offset: 0, total: 0 } } },
    { name: 'progress', data: '32 09 08 05 10 01 18 07 22 01 61', want: { ...empty, progress: { run: 5, state: 'BEHIND', offset: 7, peer: 'a' } } },
    { name: 'progress in a state of another time', data: '32 02 10 09', want: { ...empty, progress: { run: 0, state: 'LOST', offset: 0, peer: '' } } },
    { name: 'unknown field with a high number', data: '82 7d 01 ff 1a 01 61', want: { ...empty, topic: 'a' } },
    { name: 'known number, other wire type', data: '18 05 1a 01 61', want: { ...empty, topic: 'a' } },
  ];
  for (const { name, data, want } of cases) {
    await t.test(name, () => assert.deepEqual(decodeFrame(bytes(data)), want));
  }
});

test('what is no frame is refused', async (t) => {
  const cases = [
    { name: 'tag cut off', data: '80' },
    { name: 'length missing', data: '1a' },
    { name: 'length cut off', data: '1a 80' },
    { name: 'field cut off', data: '1a 03 6161' },
    { name: 'fixed64 cut off', data: '29 01020304' },
    { name: 'fixed32 cut off', data: '2d 01' },
    { name: 'length beyond any message', data: '22 ffffffffffffffffff01' },
    { name: 'number without end', data: '28 ffffffffffffffffffff01' },
    { name: 'field number 0', data: '02 00' },
    { name: 'group', data: '2b 2c' },
    { name: 'wire type 7', data: '2f' },
    { name: 'part cut off', data: '2a 01 08' },
    { name: 'topic that is not UTF-8', data: '1a 01 ff' },
  ];
  for (const { name, data } of cases) {
    await t.test(name, () => assert.throws(() => decodeFrame(bytes(data)), { name: 'HirobaError', code: 'BAD_FRAME' }));
  }
});

test('any cut through a frame is refused or gives less', () => {
  const whole = encodeFrame({ to: ['a', 'b'], topic: 'topic', payload: bytes('0102030405') });
  for (let end = 0; end < whole.length; end++) {
    try {
      assert.notDeepEqual(decodeFrame(whole.subarray(0, end)), decodeFrame(whole));
    } catch (error) {
      assert.equal(/** @type {any} */ (error).code, 'BAD_FRAME');
    }
  }
});
