import { HirobaError } from './errors.js';

/**
 * DataFrame is one message in a DataChannel (internal/dataframe/data.proto).
 *
 * @typedef {object} DataFrame
 * @property {string} from  the peer that sent it; the SFU writes it
 * @property {string[]} to  the peers it is for; empty: everybody else
 * @property {string} topic
 * @property {Uint8Array} payload
 */

const FROM = 1;
const TO = 2;
const TOPIC = 3;
const PAYLOAD = 4;

// Wire types of protobuf.
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const encoder = new TextEncoder();
// fatal: a string that is not UTF-8 makes the frame unreadable, as protobuf wants.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Encodes a frame as binary protobuf. `from` is left out: the SFU writes it.
 *
 * @param {{to?: string[], topic?: string, payload?: Uint8Array}} frame
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeFrame({ to = [], topic = '', payload = new Uint8Array() }) {
  /** @type {[number, Uint8Array][]} */
  const fields = to.map((peer) => [TO, encoder.encode(peer)]);
  if (topic) fields.push([TOPIC, encoder.encode(topic)]);
  if (payload.length) fields.push([PAYLOAD, payload]);

  // Every tag here is one byte, as all field numbers are below 16.
  const size = fields.reduce((sum, [, bytes]) => sum + 1 + varintSize(bytes.length) + bytes.length, 0);
  const out = new Uint8Array(size);
  let at = 0;
  for (const [number, bytes] of fields) {
    out[at++] = (number << 3) | BYTES;
    let length = bytes.length;
    for (; length > 0x7f; length = Math.floor(length / 128)) out[at++] = (length & 0x7f) | 0x80;
    out[at++] = length;
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

/**
 * Decodes a frame. Fields that this version does not know are skipped. The
 * payload is a view into `bytes`, not a copy.
 *
 * @param {Uint8Array} bytes
 * @returns {DataFrame}
 * @throws {HirobaError} BAD_FRAME when the bytes are no DataFrame
 */
export function decodeFrame(bytes) {
  /** @type {DataFrame} */
  const frame = { from: '', to: [], topic: '', payload: new Uint8Array() };
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (number === 0) throw badFrame('it has a field number 0');
    if (type !== BYTES) {
      reader.skip(type);
      continue;
    }
    const field = reader.bytes(reader.varint());
    if (number === FROM) frame.from = text(field);
    else if (number === TO) frame.to.push(text(field));
    else if (number === TOPIC) frame.topic = text(field);
    else if (number === PAYLOAD) frame.payload = field;
  }
  return frame;
}

/** Reader walks over protobuf's wire format and never past its end. */
class Reader {
  #bytes;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  get done() {
    return this.#at >= this.#bytes.length;
  }

  /** A base-128 number of at most 10 bytes; exact up to 2^53, more than any length can be. */
  varint() {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      if (this.done) throw badFrame('it ends in the middle of a number');
      const byte = /** @type {number} */ (this.#bytes[this.#at++]);
      // No shifts: they would wrap at 32 bits.
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw badFrame('a number in it is longer than 10 bytes');
  }

  /** @param {number} length */
  bytes(length) {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw badFrame('it ends in the middle of a field');
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }

  /** @param {number} type  wire type of the value to pass over */
  skip(type) {
    if (type === VARINT) this.varint();
    else if (type === FIXED64) this.bytes(8);
    else if (type === FIXED32) this.bytes(4);
    else throw badFrame(`it has a field of wire type ${type}, which proto3 does not use`);
  }
}

/** @param {number} value */
function varintSize(value) {
  let size = 1;
  for (; value > 0x7f; value = Math.floor(value / 128)) size++;
  return size;
}

/** @param {Uint8Array} bytes */
function text(bytes) {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    throw badFrame('a text in it is not UTF-8', error);
  }
}

/**
 * @param {string} why
 * @param {unknown} [cause]
 */
function badFrame(why, cause) {
  return new HirobaError('BAD_FRAME', `A DataChannel message is no DataFrame: ${why}. It was dropped.`, { cause });
}
