import { HirobaError } from './errors.js';

/**
 * DataFrame is one message in a DataChannel (internal/dataframe/data.proto).
 *
 * @typedef {object} DataFrame
 * @property {string} from  the peer that sent it; the SFU writes it
 * @property {string[]} to  the peers it is for; empty: everybody else
 * @property {string} topic
 * @property {Uint8Array} payload
 * @property {Part} [part]  the payload is a part of a larger message, this one
 * @property {Progress} [progress]  from the SFU: how far a message of this client's got
 */

/**
 * Part says where a payload belongs.
 *
 * @typedef {object} Part
 * @property {number} message  the sender's number for it
 * @property {number} run  parts without a gap between them, to the same receivers
 * @property {number} offset  the byte of the message that the payload begins with
 * @property {number} total  the bytes of the message
 */

/**
 * Progress says how far a run got.
 *
 * @typedef {object} Progress
 * @property {number} run
 * @property {'READY' | 'BEHIND' | 'LOST'} state
 * @property {number} offset
 * @property {string} peer  in BEHIND and LOST
 */

/** The most bytes of a frame, encoded, with who it is from. */
export const MAX_FRAME = 64 << 10;

const FROM = 1;
const TO = 2;
const TOPIC = 3;
const PAYLOAD = 4;
const PART = 5;
const PROGRESS = 6;

/** The fields of a Part by number, from 1. */
const PART_FIELDS = /** @type {const} */ (['message', 'run', 'offset', 'total']);
const STATES = /** @type {const} */ (['READY', 'BEHIND', 'LOST']);

// Wire types of protobuf.
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const encoder = new TextEncoder();
// fatal: a string that is not UTF-8 makes the frame unreadable, as protobuf wants.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Encodes a frame as binary protobuf. `from` and `progress` are left out: the
 * SFU writes them.
 *
 * @param {{to?: string[], topic?: string, payload?: Uint8Array, part?: Part}} frame
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function encodeFrame({ to = [], topic = '', payload = new Uint8Array(), part }) {
  /** @type {[number, Uint8Array][]} */
  const fields = to.map((peer) => [TO, encoder.encode(peer)]);
  if (topic) fields.push([TOPIC, encoder.encode(topic)]);
  if (payload.length) fields.push([PAYLOAD, payload]);
  if (part) fields.push([PART, encodePart(part)]);

  // Every tag here is one byte, as all field numbers are below 16.
  const size = fields.reduce((sum, [, bytes]) => sum + 1 + varintSize(bytes.length) + bytes.length, 0);
  const out = new Uint8Array(size);
  let at = 0;
  for (const [number, bytes] of fields) {
    out[at++] = (number << 3) | BYTES;
    at = putVarint(out, at, bytes.length);
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

/** @param {Part} part */
function encodePart(part) {
  const out = new Uint8Array(PART_FIELDS.length * 6);
  let at = 0;
  PART_FIELDS.forEach((name, i) => {
    if (part[name] === 0) return;
    out[at++] = ((i + 1) << 3) | VARINT;
    at = putVarint(out, at, part[name]);
  });
  return out.subarray(0, at);
}

/**
 * @param {Uint8Array} out
 * @param {number} at
 * @param {number} value
 * @returns {number} where it ends
 */
function putVarint(out, at, value) {
  for (; value > 0x7f; value = Math.floor(value / 128)) out[at++] = (value & 0x7f) | 0x80;
  out[at++] = value;
  return at;
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
  for (const { number, value } of fields(bytes)) {
    if (typeof value === 'number') continue;
    if (number === FROM) frame.from = text(value);
    else if (number === TO) frame.to.push(text(value));
    else if (number === TOPIC) frame.topic = text(value);
    else if (number === PAYLOAD) frame.payload = value;
    else if (number === PART) frame.part = decodePart(value);
    else if (number === PROGRESS) frame.progress = decodeProgress(value);
  }
  return frame;
}

/** @param {Uint8Array} bytes */
function decodePart(bytes) {
  /** @type {Part} */
  const part = { message: 0, run: 0, offset: 0, total: 0 };
  for (const { number, value } of fields(bytes)) {
    const name = PART_FIELDS[number - 1];
    if (name && typeof value === 'number') part[name] = value;
  }
  return part;
}

/** @param {Uint8Array} bytes */
function decodeProgress(bytes) {
  /** @type {Progress} */
  const progress = { run: 0, state: 'READY', offset: 0, peer: '' };
  for (const { number, value } of fields(bytes)) {
    if (number === 1 && typeof value === 'number') progress.run = value;
    // A state that this version does not know is as good as lost.
    else if (number === 2 && typeof value === 'number') progress.state = STATES[value] ?? 'LOST';
    else if (number === 3 && typeof value === 'number') progress.offset = value;
    else if (number === 4 && typeof value !== 'number') progress.peer = text(value);
  }
  return progress;
}

/**
 * The fields of a message that are numbers or bytes; others are skipped.
 *
 * @param {Uint8Array} bytes
 * @returns {Generator<{number: number, value: number | Uint8Array}>}
 */
function* fields(bytes) {
  const reader = new Reader(bytes);
  while (!reader.done) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (number === 0) throw badFrame('it has a field number 0');
    if (type === VARINT) yield { number, value: reader.varint() };
    else if (type === BYTES) yield { number, value: reader.bytes(reader.varint()) };
    else reader.skip(type);
  }
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
    if (type === FIXED64) this.bytes(8);
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
