import { explain, insecure, unplugged } from './problems.js';
import { remember, remembered } from '../preferences.js';

/** @typedef {import('./problems.js').Problem} Problem */
/** @typedef {import('./problems.js').Kind} Kind */

/**
 * One of our two sources.
 *
 * @typedef {object} Source
 * @property {boolean} wanted the person wants it on
 * @property {MediaStreamTrack | null} track live while the device is open
 * @property {Problem | null} problem why it is not, though wanted
 */

/**
 * All of it at one moment, as the components get it.
 *
 * @typedef {object} OwnMedia
 * @property {Source} camera
 * @property {Source} microphone
 * @property {readonly MediaDeviceInfo[]} devices without labels until one is allowed
 * @property {Readonly<Record<Kind | 'speaker', string>>} chosen device ids, '' for the system's choice
 */

/** @type {readonly Kind[]} */
const KINDS = ['camera', 'microphone'];

/** Before anybody has been asked. @type {OwnMedia} */
export const NONE = {
  camera: { wanted: true, track: null, problem: null },
  microphone: { wanted: true, track: null, problem: null },
  devices: [],
  chosen: { camera: '', microphone: '', speaker: '' },
};

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * Our own camera and microphone, and which devices there are: the one owner
 * of the tracks that getUserMedia gives.
 *
 * A camera that is off is closed, so that its light goes out. A microphone
 * that is off stays open but silent, so that it comes back at once.
 *
 * Fires 'change' after anything that can be read here has changed.
 */
export class LocalMedia extends EventTarget {
  /** @type {Record<Kind, Source>} */
  #sources = { camera: NONE.camera, microphone: NONE.microphone };
  #chosen = remembered();
  /** @type {MediaDeviceInfo[]} */
  #devices = [];
  /** One request at a time: browsers show one permission question at a time. */
  #queue = Promise.resolve();
  #open = false;

  constructor() {
    super();
    navigator.mediaDevices?.addEventListener('devicechange', () => this.#devicesChanged());
  }

  get camera() {
    return this.#sources.camera;
  }

  get microphone() {
    return this.#sources.microphone;
  }

  /** @returns {OwnMedia} */
  snapshot() {
    return { ...this.#sources, devices: this.#devices, chosen: this.#chosen };
  }

  /** Opens what is wanted and not open yet. Never rejects: see `problem`. */
  start() {
    this.#open = true;
    return this.#enqueue(async () => {
      await this.#acquire(KINDS.filter((kind) => this.#sources[kind].wanted && !this.#sources[kind].track));
      await this.#listDevices();
    });
  }

  /**
   * Turns a source on or off.
   *
   * @param {Kind} kind
   * @param {boolean} on
   */
  turn(kind, on) {
    this.#set(kind, { wanted: on, problem: on ? this.#sources[kind].problem : null });
    return this.#enqueue(async () => {
      const { wanted, track } = this.#sources[kind];
      if (track && kind === 'microphone') track.enabled = wanted;
      if (wanted && !track) {
        await this.#acquire([kind]);
        await this.#listDevices();
      }
      if (!wanted && track && kind === 'camera') this.#close(kind);
    });
  }

  /**
   * Uses another device, now and in calls to come.
   *
   * @param {Kind | 'speaker'} kind
   * @param {string} device its id, '' for the system's choice
   */
  choose(kind, device) {
    this.#chosen = { ...this.#chosen, [kind]: device };
    remember({ [kind]: device });
    if (kind === 'speaker') {
      this.#changed();
      return Promise.resolve();
    }
    return this.#enqueue(async () => {
      if (!this.#sources[kind].wanted && !this.#sources[kind].track) return;
      this.#close(kind);
      await this.#acquire([kind]);
    });
  }

  /** Closes both devices. What was wanted stays wanted for the next start. */
  stop() {
    this.#open = false;
    return this.#enqueue(async () => {
      for (const kind of KINDS) this.#close(kind);
    });
  }

  /**
   * Opens devices. Both are asked for together, for one permission question
   * instead of two; when that fails, each by itself, so that a missing camera
   * does not cost the microphone.
   *
   * @param {Kind[]} kinds
   * @returns {Promise<void>}
   */
  async #acquire(kinds) {
    if (kinds.length === 0 || !this.#open) return;
    if (!navigator.mediaDevices) {
      for (const kind of kinds) this.#set(kind, { problem: insecure() });
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        video: kinds.includes('camera') && { ...CAMERA, ...exactly(this.#chosen.camera) },
        audio: kinds.includes('microphone') && { ...MICROPHONE, ...exactly(this.#chosen.microphone) },
      });
      for (const track of stream.getTracks()) this.#take(track.kind === 'video' ? 'camera' : 'microphone', track);
    } catch (error) {
      await this.#refused(kinds, error);
    }
  }

  /**
   * @param {Kind[]} kinds
   * @param {unknown} error
   */
  async #refused(kinds, error) {
    if (kinds.length > 1) {
      const denied = error instanceof Error && error.name === 'NotAllowedError';
      for (const kind of kinds) {
        // A question that was just answered with no is not asked again.
        if (denied && (await permission(kind)) !== 'granted') this.#set(kind, { problem: explain(kind, error) });
        else await this.#acquire([kind]);
      }
      return;
    }
    for (const kind of kinds) {
      if (error instanceof Error && error.name === 'OverconstrainedError' && this.#chosen[kind]) {
        // The device of the last call is not plugged in today.
        this.#chosen = { ...this.#chosen, [kind]: '' };
        await this.#acquire([kind]);
      } else {
        this.#set(kind, { problem: explain(kind, error) });
      }
    }
  }

  /**
   * @param {Kind} kind
   * @param {MediaStreamTrack} track
   */
  #take(kind, track) {
    if (kind === 'microphone') track.enabled = this.#sources[kind].wanted;
    track.addEventListener('ended', () => this.#ended(kind, track));
    this.#set(kind, { track, problem: null });
  }

  /**
   * The device was unplugged, or the browser took the permission back. The
   * system's other device, if there is one, takes over.
   *
   * @param {Kind} kind
   * @param {MediaStreamTrack} track
   */
  #ended(kind, track) {
    if (this.#sources[kind].track !== track) return;
    this.#set(kind, { track: null, problem: unplugged(kind) });
    this.#enqueue(() => this.#acquire([kind]));
  }

  /** @param {Kind} kind */
  #close(kind) {
    const { track } = this.#sources[kind];
    if (!track) return;
    this.#set(kind, { track: null });
    track.stop();
  }

  #devicesChanged() {
    return this.#enqueue(async () => {
      await this.#listDevices();
      const found = KINDS.filter((kind) => {
        const { wanted, track, problem } = this.#sources[kind];
        return wanted && !track && (problem?.code === 'missing' || problem?.code === 'unplugged');
      });
      await this.#acquire(found);
    });
  }

  async #listDevices() {
    try {
      this.#devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    } catch {
      this.#devices = [];
    }
    this.#changed();
  }

  /**
   * @param {Kind} kind
   * @param {Partial<Source>} change
   */
  #set(kind, change) {
    this.#sources[kind] = { ...this.#sources[kind], ...change };
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }

  /** @param {() => Promise<void>} work */
  #enqueue(work) {
    this.#queue = this.#queue.then(work);
    return this.#queue;
  }
}

/** @param {string} device */
function exactly(device) {
  return device ? { deviceId: { exact: device } } : {};
}

/**
 * @param {Kind} kind
 * @returns {Promise<PermissionState | 'unknown'>}
 */
async function permission(kind) {
  try {
    const status = await navigator.permissions.query({ name: /** @type {PermissionName} */ (kind) });
    return status.state;
  } catch {
    // Some browsers do not tell about these two; asking again is the way to know.
    return 'granted';
  }
}
