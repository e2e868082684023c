import { Channel } from './channel.js';
import { asHirobaError, HirobaError, serverError } from './errors.js';
import { Events } from './events.js';
import { decodeFrame, encodeFrame } from './frame.js';
import { iceServersFor } from './ice.js';
import { Link } from './link.js';
import { Media } from './media.js';
import { Negotiation } from './negotiation.js';
import { Publications } from './publications.js';
import { Reception } from './reception.js';
import { Roster } from './roster.js';

/** @import * as wire from './messages.js' */
/** @import { Publication, PublishOptions } from './publication.js' */
/** @import { ChannelName, PeerSignal, RoomEvents, RoomState } from './room-events.js' */
/** @import { Peer } from './roster.js' */
/** @import { Shown } from './view.js' */

/**
 * @typedef {object} ConnectOptions
 * @property {string} [url]  the server; this page's own unless told
 * @property {string} room  1 to 64 letters, digits, `-`, `_` or `.`
 * @property {string} [name]  what others call this peer
 * @property {({track: MediaStreamTrack} & PublishOptions)[]} [tracks]  published with the first offer
 * @property {RTCIceTransportPolicy} [iceTransportPolicy]
 * @property {RTCIceServer[]} [iceServers]  those that the server names unless told
 */

/** Leaving waits no longer than this for the server to say that it knows. */
const LEAVE_MS = 500;
/** How long after the media connection was closed the reason may come over the link. */
const REASON_MS = 1000;

/**
 * Room is this client's part in one room, from connect() until leave() or until
 * the link is lost. Whoever is there when connect() resolves is in `peers`, and
 * what is received of them is told by `media` events right after. Every later
 * change is an event, and none is missed by a handler that is added in the turn
 * in which connect() resolves.
 */
export class Room {
  #name = '';
  /** @type {Peer} */
  #self;
  /** @type {RoomState} */
  #state = 'connecting';
  #joined = false;

  /** @type {Events<RoomEvents>} */
  #events = new Events();
  #roster = new Roster();
  #link;
  #media;
  #negotiation;
  #publications;
  #reception;
  /** @type {Record<ChannelName, Channel>} */
  #channels;
  /** An offer for a new path is in line. */
  #restarting = false;
  /** That there is no path was told, and there has been none since. */
  #unreachable = false;
  /** @type {Promise<void> | null} */
  #leaving = null;
  #stop = new AbortController();

  /**
   * Joins a room.
   *
   * @param {ConnectOptions} options
   * @returns {Promise<Room>} rejects with HirobaError when the server cannot be
   *   reached or does not let this peer in
   */
  static async connect(options) {
    if (!('RTCPeerConnection' in globalThis)) {
      throw new HirobaError('UNSUPPORTED', 'This browser cannot make calls (it has no WebRTC). Use a current browser.');
    }
    /** @type {Link | undefined} */
    let link;
    /** @type {Room | undefined} */
    let room;
    try {
      link = await Link.open(options.url ?? location.origin);
      room = new Room(link, options);
      await room.#join(options);
    } catch (error) {
      const reason = asHirobaError(error, 'INTERNAL', `Joining the room failed: ${error}`);
      if (room) room.#end('closed', reason);
      link?.close(reason);
      throw reason;
    }
    // After the caller's own `await connect(…)` has gone on and added handlers.
    setTimeout(() => room.#listen());
    return room;
  }

  /**
   * Made by connect().
   *
   * @private
   * @param {Link} link
   * @param {ConnectOptions} options
   */
  constructor(link, { name = '', iceServers, iceTransportPolicy = 'all' }) {
    this.#link = link;
    this.#media = new Media({ iceServers: iceServers ?? iceServersFor(link.welcome.iceServers, iceTransportPolicy), iceTransportPolicy }, {
      candidate: (candidate) => link.tell({ candidate: { to: 'sfu', ...candidate } }),
      badCandidate: (cause) => this.#fail(new HirobaError('BAD_CANDIDATE',
        'The browser refused an address that the server can be reached at; others may still work.', { cause })),
      state: () => this.#mediaState(),
      failed: () => this.#repair(new HirobaError('MEDIA_UNREACHABLE',
        'Sound and picture do not get through to the server; trying again. If this lasts, the network blocks calls.',
        { retry: true })),
      dead: () => this.#hungUp(),
    });
    this.#negotiation = new Negotiation(link, this.#media, (error) => this.#end('lost', error));
    this.#publications = new Publications(link, this.#media, this.#negotiation);
    this.#self = { id: '', name, tracks: this.#publications.byId };
    this.#reception = new Reception(link, this.#media, this.#negotiation, this.#roster, {
      media: (change) => this.#events.fire('media', change),
      error: (error) => this.#fail(error),
    });
    this.#channels = {
      reliable: this.#openChannel('reliable', { ordered: true }),
      lossy: this.#openChannel('lossy', { ordered: false, maxRetransmits: 0 }),
    };
    globalThis.addEventListener('pagehide', () => this.#abandon(), { signal: this.#stop.signal });
  }

  /** The room's name. */
  get name() {
    return this.#name;
  }

  /** This client; its tracks are the publications. */
  get self() {
    return this.#self;
  }

  /** Everybody else, by peer id. */
  get peers() {
    return this.#roster.peers;
  }

  get state() {
    return this.#state;
  }

  /** What this client sends, by track id. */
  get publications() {
    return this.#publications.byId;
  }

  /**
   * Calls a function for every event of a name, `message:TOPIC` among them.
   *
   * @template {keyof RoomEvents} Name
   * @param {Name} name
   * @param {(...args: RoomEvents[Name]) => void} handler
   * @returns {() => void} takes the handler away again
   */
  on(name, handler) {
    return this.#events.on(name, handler);
  }

  /**
   * @param {string} trackId
   * @returns {MediaStreamTrack | null} what is received of a track now
   */
  media(trackId) {
    return this.#reception.track(trackId);
  }

  /**
   * Says something to the others over signaling: small, reliable, in order.
   *
   * @param {string} topic  up to 64 bytes; `chat` is what the call page shows
   * @param {unknown} value  a string goes as it is, anything else as JSON
   * @param {{to?: string[]}} [options]  peer ids; everybody else unless told
   * @returns {Promise<void>} resolves when the server took it
   */
  async emit(topic, value, { to = [] } = {}) {
    const text = typeof value === 'string' ? value : JSON.stringify(value) ?? '';
    await this.#link.request({ message: { to, topic, text } });
  }

  /**
   * Sends a track to the room.
   *
   * @param {MediaStreamTrack} track
   * @param {PublishOptions} [options]
   * @returns {Promise<Publication>}
   */
  publish(track, options = {}) {
    return this.#publications.publish(track, options, this.#self);
  }

  /**
   * Says what is shown, most important first, so that the server sends that and
   * not more. As long as this was never called, everything is wanted. Call it as
   * often as the layout changes.
   *
   * @param {Shown[]} shown
   */
  view(shown) {
    this.#reception.view(shown);
  }

  /**
   * Sends bytes to the others over a DataChannel.
   *
   * @param {Uint8Array | string} payload
   * @param {{to?: string[], topic?: string, channel?: ChannelName}} [options]
   * @returns {Promise<void>} resolves when the browser took it, which it does
   *   not while more than 1 MiB is unsent: await it before the next
   */
  async send(payload, { to = [], topic = '', channel = 'reliable' } = {}) {
    const bytes = typeof payload === 'string' ? new TextEncoder().encode(payload) : payload;
    const frame = encodeFrame({ to, topic, payload: bytes });
    const limit = this.#media.maxMessageSize;
    if (frame.length > limit) {
      throw new HirobaError('MESSAGE_TOO_LARGE',
        `The frame has ${frame.length} bytes; the channel takes up to ${limit}. Send it in parts.`);
    }
    await this.#channels[channel].send(frame);
  }

  /** @returns {Promise<RTCStatsReport>} of the PeerConnection to the SFU */
  stats() {
    return this.#media.stats();
  }

  /**
   * Leaves the room. The published MediaStreamTracks go on: they are the
   * application's to stop.
   *
   * @returns {Promise<void>} resolves when all is closed, after half a second at the latest
   */
  leave() {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  get #over() {
    return this.#stop.signal.aborted;
  }

  /** @param {ConnectOptions} options */
  async #join({ room, name = '', tracks = [] }) {
    await this.#negotiation.run({
      make: async () => {
        for (const { track, ...options } of tracks) {
          await this.#publications.add(track, options, this.#self);
        }
        this.#reception.open();
      },
      say: async (sdp) => {
        const answered = this.#link.request({
          join: { room, name, offer: { to: 'sfu', type: 'OFFER', sdp }, tracks: this.#publications.offers() },
        });
        this.#media.trickle();
        const { joined = {} } = await answered;
        this.#enter(joined);
        return joined.answer?.sdp ?? '';
      },
    });
    this.#joined = true;
    this.#mediaState();
  }

  /** @param {wire.Joined} joined */
  #enter(joined) {
    this.#name = joined.room ?? '';
    this.#roster.reset(joined);
    this.#publications.named(joined.tracks);
    this.#self.id = joined.peer ?? '';
  }

  #listen() {
    this.#link.listen({
      message: (message) => this.#handle(message),
      // What the server does once it was told of the leaving is no loss.
      ended: (error) => this.#end(error.retry && !this.#leaving ? 'lost' : 'closed', this.#leaving ? undefined : error),
    });
    this.#reception.grow();
  }

  /** @param {wire.ServerMessage} message  one that answers nothing */
  #handle(message) {
    if (this.#over) return;
    const { slots, speakers, description, candidate, error } = message;
    if (slots) this.#reception.fill(slots);
    else if (speakers) this.#events.fire('speakers', speakers.peers ?? []);
    else if (message.message) this.#hear(message.message);
    else if (candidate) this.#signalled({ from: candidate.from ?? '', candidate });
    else if (description) this.#signalled({ from: description.from ?? '', description });
    else if (error) this.#refused(serverError(error));
    else this.#applyRoster(message);
  }

  /** @param {wire.ServerMessage} message */
  #applyRoster(message) {
    for (const change of this.#roster.apply(message)) {
      const [name, ...args] = change;
      this.#events.fire(name, .../** @type {any} */ (args));
      if (name === 'track-published') this.#reception.published(change[1]);
    }
  }

  /** @param {wire.Message} message */
  #hear({ from = '', to = [], topic = '', text = '', sentMs = '0' }) {
    const message = { from, to, topic, text, data: fromJSON(text), sentMs: Number(sentMs) };
    this.#events.fire('message', message);
    this.#events.fire(`message:${topic}`, message);
  }

  /** @param {PeerSignal} signal */
  #signalled(signal) {
    if (signal.from !== 'sfu') {
      this.#events.fire('signal', signal);
    } else if (signal.candidate) {
      this.#media.addCandidate(signal.candidate);
    }
  }

  /** @param {HirobaError} error  that answers nothing */
  #refused(error) {
    if (error.code === 'MEDIA_LOST') this.#repair(error);
    else this.#fail(error);
  }

  #mediaState() {
    if (this.#over) return;
    const connected = this.#joined && this.#media.state === 'connected';
    if (connected) this.#unreachable = false;
    this.#enterState(connected ? 'connected' : 'connecting');
  }

  /**
   * Looks for a new path to the SFU.
   *
   * @param {HirobaError} error  why; told once, however often it is tried
   */
  #repair(error) {
    if (this.#over || this.#restarting || !this.#joined) return;
    this.#restarting = true;
    if (!this.#unreachable) this.#fail(error);
    this.#unreachable = true;
    this.#negotiation.run({ make: () => this.#media.restart() })
      .catch((refused) => this.#fail(refused))
      .finally(() => {
        this.#restarting = false;
      });
  }

  /**
   * @param {ChannelName} name
   * @param {RTCDataChannelInit} options
   */
  #openChannel(name, options) {
    return new Channel(this.#media.openChannel(name, options), (bytes) => {
      try {
        this.#events.fire('data', { ...decodeFrame(bytes), channel: name });
      } catch (error) {
        this.#fail(asHirobaError(error, 'BAD_FRAME', `A DataChannel message was dropped: ${error}`));
      }
    });
  }

  /** The server has closed the media connection; the link may be about to say why. */
  #hungUp() {
    const timer = setTimeout(() => this.#end('lost', new HirobaError('MEDIA_LOST',
      'The server has ended the media connection. Join again.', { retry: true })), REASON_MS);
    this.#stop.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  /** @param {HirobaError} error */
  #fail(error) {
    if (!this.#over) this.#events.fire('error', error);
  }

  async #leave() {
    if (this.#over) return;
    const timer = setTimeout(() => this.#end('closed'), LEAVE_MS);
    // Done or not: the end of the link settles it, too.
    await this.#link.request({ leave: {} }).catch(() => {});
    clearTimeout(timer);
    this.#end('closed');
  }

  /** The page goes away: there is no time to wait for anything. */
  #abandon() {
    this.#link.tell({ leave: {} });
    this.#end('closed');
  }

  /**
   * The one way to the end: everything is closed here.
   *
   * @param {'lost' | 'closed'} state
   * @param {HirobaError} [error]  left out when this client wanted it
   */
  #end(state, error) {
    if (this.#over) return;
    this.#stop.abort();
    const reason = error ?? new HirobaError('CLOSED', 'The room was left.');
    this.#negotiation.end(reason);
    this.#link.close(reason);
    this.#reception.stop();
    for (const channel of Object.values(this.#channels)) channel.close();
    this.#media.close();
    this.#enterState(state, error);
  }

  /**
   * @param {RoomState} state
   * @param {HirobaError} [error]
   */
  #enterState(state, error) {
    if (this.#state === state) return;
    this.#state = state;
    this.#events.fire('state', state, error);
  }
}

/** @param {string} text */
function fromJSON(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
