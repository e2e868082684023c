import { roomSettings, topologyOf } from './settings.js';

/** @import { Knock } from './room-events.js' */
/** @import { RoomSettings, Topology } from './settings.js' */
/** @import * as wire from './messages.js' */

/**
 * What a Room tells of it.
 *
 * @typedef {object} HallCalls
 * @property {(settings: RoomSettings) => void} settings
 * @property {(topology: Topology) => void} topology
 * @property {(knock: Knock, over: boolean) => void} knock
 */

/**
 * Hall is the room apart from its peers: how it is run, how its media flows,
 * and who waits at the door.
 */
export class Hall {
  #calls;
  settings = roomSettings();
  topology = topologyOf();
  /** By peer id. @type {Map<string, Knock>} */
  #knocks = new Map();

  /** @param {HallCalls} calls */
  constructor(calls) {
    this.#calls = calls;
  }

  /** @type {ReadonlyMap<string, Knock>} */
  get knocks() {
    return this.#knocks;
  }

  /**
   * Starts from what answers join; nothing is told.
   *
   * @param {wire.Joined} joined
   */
  reset({ settings, topology, knocks = [] }) {
    this.settings = roomSettings(settings);
    this.topology = topologyOf(topology);
    this.#knocks = new Map(knocks.map((knock) => [knock.peer ?? '', knockOf(knock)]));
  }

  /**
   * Becomes what a later snapshot says.
   *
   * @param {wire.Joined} joined
   */
  catchUp({ settings, topology, knocks = [] }) {
    this.apply({ roomUpdated: { settings } });
    this.apply({ topology: topology ?? {} });
    for (const peer of [...this.#knocks.keys()]) {
      if (!knocks.some((knock) => knock.peer === peer)) this.#knocked({ peer, over: true });
    }
    for (const knock of knocks) {
      if (!this.#knocks.has(knock.peer ?? '')) this.#knocked(knock);
    }
  }

  /**
   * @param {wire.ServerMessage} message
   * @returns {boolean} whether it was about this
   */
  apply({ roomUpdated, topology, knock }) {
    if (roomUpdated) {
      this.settings = roomSettings(roomUpdated.settings);
      this.#calls.settings(this.settings);
    } else if (topology) {
      this.topology = topologyOf(topology);
      this.#calls.topology(this.topology);
    } else if (knock) {
      this.#knocked(knock);
    } else {
      return false;
    }
    return true;
  }

  /** @param {wire.Knock} knock */
  #knocked(knock) {
    const { peer = '', over = false } = knock;
    const known = this.#knocks.get(peer) ?? knockOf(knock);
    if (over) this.#knocks.delete(peer);
    else this.#knocks.set(peer, known);
    this.#calls.knock(known, over);
  }
}

/**
 * @param {wire.Knock} knock
 * @returns {Knock}
 */
function knockOf({ peer = '', name = '', user = '', metadata = '' }) {
  return { peer, name, user, metadata };
}
