import { HirobaError } from './errors.js';
import { encodeFrame, MAX_FRAME } from './frame.js';

/** @import { Progress } from './frame.js' */

/** How many large messages are under way at once; more wait. */
const AT_ONCE = 4;
/** How many rests of messages may wait for those who fell behind. */
const MAX_RESTS = 8;
/** How far beyond what the server is ready for parts may go out. */
const WINDOW = 256 << 10;
/** What a part has beyond its payload, topic and receivers. */
const PART_OVERHEAD = 128;
/** A part that is not the last must not be smaller. */
const MIN_PART = 16 << 10;

/**
 * What of a message has yet to be sent.
 *
 * @typedef {object} Rest
 * @property {number} message
 * @property {string[]} to
 * @property {string} topic
 * @property {Blob | Uint8Array} payload  from the offset `from` on
 * @property {number} from
 * @property {number} total
 * @property {(sent: number, total: number) => void} [onProgress]
 */

/**
 * Parts of a message on their way to the same receivers.
 *
 * @typedef {object} Run
 * @property {Rest} what
 * @property {Set<string> | null} named  those who still get it; null: everybody
 * @property {number} ready  parts may go out up to a window beyond this
 * @property {Rest} [left]  with which the last of those named fell behind
 * @property {HirobaError} [failed]
 * @property {() => void} changed  called when one of these has
 */

/**
 * Large sends messages that are too large for a frame in parts, a few at a
 * time by turns, no faster than the server takes them. It waits for those who
 * keep up; the others get the rest afterwards, each at its own pace.
 */
export class Large {
  #sendPart;
  #missed;
  #last = 0;
  #underWay = 0;
  /** Those that wait to begin. @type {(() => void)[]} */
  #line = [];
  /** @type {Map<number, Run>} */
  #runs = new Map();
  /** By peer that fell behind, what it gets, first first. @type {Map<string, Rest[]>} */
  #rests = new Map();
  #pending = 0;
  /** @type {HirobaError | undefined} */
  #closed;

  /**
   * @param {(frame: Uint8Array<ArrayBuffer>) => Promise<void>} sendPart
   * @param {(peer: string, topic: string) => void} missed  it does not get a message
   */
  constructor(sendPart, missed) {
    this.#sendPart = sendPart;
    this.#missed = missed;
  }

  /**
   * @param {{to: string[], topic: string, payload: Blob | Uint8Array,
   *   onProgress?: (sent: number, total: number) => void}} message
   * @returns {Promise<void>} resolves when all of it is on its way to everybody who keeps up
   */
  async send({ to, topic, payload, onProgress }) {
    if (partSize(to, topic) < MIN_PART) {
      throw new HirobaError('MESSAGE_TOO_LARGE',
        `The message is for ${to.length} peers, whose names leave no room in its parts. Name fewer.`);
    }
    if (this.#underWay === AT_ONCE) await new Promise((resolve) => this.#line.push(() => resolve(undefined)));
    else this.#underWay++;
    try {
      const total = payload instanceof Blob ? payload.size : payload.length;
      await this.#sendRuns({ message: ++this.#last, to, topic, payload, from: 0, total, onProgress });
    } finally {
      // The place goes to the next in line.
      const next = this.#line.shift();
      if (next) next();
      else this.#underWay--;
    }
  }

  /**
   * The server tells how far a run got.
   *
   * @param {Progress} progress
   */
  heard({ run: id, state, offset, peer }) {
    const run = this.#runs.get(id);
    if (!run) return;
    run.named?.delete(peer);
    const last = run.named?.size === 0;
    let missed = false;
    if (state === 'READY') {
      run.ready = Math.max(run.ready, offset);
      run.what.onProgress?.(run.ready, run.what.total);
    } else if (!peer) {
      run.failed = new HirobaError('QUEUE_FULL', 'The server takes no more large messages of this client now. Send fewer at once.', { retry: true });
    } else if (state === 'BEHIND') {
      const left = after(run.what, offset, peer);
      if (last) run.left = left; // there is nobody who would have to wait for it
      else missed = !this.#bringLater(peer, left);
    } else {
      missed = true;
      if (last) run.failed = new HirobaError('NOT_RECEIVED', 'Nobody gets this message: those that it is for are gone, or do not read it.');
    }
    run.changed();
    if (missed) this.#missed(peer, run.what.topic);
  }

  /**
   * Fails all that is under way.
   *
   * @param {HirobaError} error
   */
  close(error) {
    this.#closed ??= error;
    for (const run of this.#runs.values()) run.changed();
  }

  /**
   * Sends what is left of a message, in more than one run when the last of
   * those that it is for falls behind.
   *
   * @param {Rest} what
   */
  async #sendRuns(what) {
    for (let left = /** @type {Rest | undefined} */ (what); left;) left = await this.#sendRun(left);
  }

  /**
   * @param {Rest} what
   * @returns {Promise<Rest | undefined>} what is to go on with
   */
  async #sendRun(what) {
    const { to, topic, message, total } = what;
    const id = ++this.#last;
    /** @type {Run} */
    const run = { what, named: to.length > 0 ? new Set(to) : null, ready: what.from, changed: () => {} };
    this.#runs.set(id, run);
    try {
      const size = partSize(to, topic);
      for (let offset = what.from; offset < total;) {
        const end = Math.min(offset + size, total);
        await this.#window(run, end - WINDOW);
        if (run.left) return run.left;
        const payload = await slice(what, offset, end);
        await this.#sendPart(encodeFrame({ to, topic, payload, part: { message, run: id, offset, total } }));
        offset = end;
      }
      await this.#window(run, total);
      return run.left;
    } finally {
      this.#runs.delete(id);
    }
  }

  /**
   * Waits until the server is ready for what comes a window after an offset, or
   * nobody takes more of the run.
   *
   * @param {Run} run
   * @param {number} offset
   */
  async #window(run, offset) {
    for (;;) {
      if (this.#closed) throw this.#closed;
      if (run.failed) throw run.failed;
      if (run.left || run.ready >= offset) return;
      await new Promise((resolve) => {
        run.changed = () => resolve(undefined);
      });
    }
  }

  /**
   * @param {string} peer
   * @param {Rest} left
   * @returns {boolean} whether it will be brought: only so much is kept for those who are slow
   */
  #bringLater(peer, left) {
    if (this.#pending === MAX_RESTS) return false;
    this.#pending++;
    // The bytes are the caller's again when send() has resolved.
    const kept = { ...left, payload: left.payload instanceof Blob ? left.payload : left.payload.slice() };
    const rests = this.#rests.get(peer);
    if (rests) {
      rests.push(kept);
    } else {
      this.#rests.set(peer, [kept]);
      this.#bring(peer);
    }
    return true;
  }

  /** @param {string} peer */
  async #bring(peer) {
    const rests = this.#rests.get(peer) ?? [];
    for (let left = rests[0]; left; left = rests[0]) {
      // Who misses it was told, or the room is over.
      await this.#sendRuns(left).catch(() => {});
      rests.shift();
      this.#pending--;
    }
    this.#rests.delete(peer);
  }
}

/**
 * How much of a message fits into one of its frames.
 *
 * @param {string[]} to
 * @param {string} topic
 */
function partSize(to, topic) {
  return MAX_FRAME - PART_OVERHEAD - encodeFrame({ to, topic }).length;
}

/**
 * What is left of a message after an offset, for one alone.
 *
 * @param {Rest} what
 * @param {number} offset
 * @param {string} peer
 * @returns {Rest}
 */
function after({ message, topic, payload, from, total }, offset, peer) {
  const at = Math.min(Math.max(offset, from), total);
  const rest = payload instanceof Blob ? payload.slice(at - from) : payload.subarray(at - from);
  return { message, to: [peer], topic, payload: rest, from: at, total };
}

/**
 * @param {Rest} what
 * @param {number} offset
 * @param {number} end
 */
async function slice({ payload, from }, offset, end) {
  if (payload instanceof Blob) return new Uint8Array(await payload.slice(offset - from, end - from).arrayBuffer());
  return payload.subarray(offset - from, end - from);
}
