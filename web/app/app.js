import { connect } from '/sdk/hiroba.js';
import { Call } from './call/call.js';
import { ending } from './call/endings.js';
import { Left } from './call/left.js';
import { Component } from './component.js';
import { LocalMedia } from './devices/local-media.js';
import { takeInvitation, UNINVITED } from './invitation.js';
import { Lobby } from './lobby/lobby.js';
import { inventRoom } from './names.js';
import { remember, remembered } from './preferences.js';
import { refusal } from './refusals.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('./call/endings.js').Ending} Ending */

/** Rooms live at /r/{room}. */
const ROOM_PATH = /^\/r\/([^/]+)\/?$/u;

/**
 * The page: the lobby, then the call, then how it ended. It owns our devices,
 * the address in the browser, the invitation that came with it, and the room
 * that we are in.
 *
 * `window.hiroba.room` is that room, for the console and for tests.
 *
 * @extends {Component<{}>}
 */
class App extends Component {
  #media = new LocalMedia();
  /** @type {Lobby | null} */
  #lobby = null;
  /** @type {Call | null} */
  #call = null;
  /** @type {Room | null} */
  #room = null;
  #name = '';
  #invitation = UNINVITED;
  /** Gives up the joining that is under way. @type {AbortController | null} */
  #joining = null;

  constructor() {
    super({});
  }

  /** @override */
  build() {
    this.#invitation = takeInvitation(location, history) ?? UNINVITED;
    this.#name = new URLSearchParams(location.search).get('name') ?? remembered().name;
    this.#media.addEventListener('change', () => this.#showMedia());
    this.#showLobby();
  }

  /** @override */
  connected() {
    addEventListener('popstate', () => this.#addressChanged(), { signal: this.life });
    // Another invitation to the same room only changes what stands after the #.
    addEventListener('hashchange', () => this.#invited(), { signal: this.life });
    // A page that comes back from the browser's cache has lost its call.
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload();
    }, { signal: this.life });
  }

  #showLobby() {
    const fromLink = roomOf(location.pathname);
    const { name: nameGiven, allows } = this.#invitation;
    const lobby = new Lobby();
    lobby.state = {
      media: this.#media.snapshot(),
      name: this.#name,
      room: fromLink ?? inventRoom(),
      invited: fromLink !== null,
      nameGiven,
      allows,
      step: 'idle',
      refusal: null,
    };
    lobby.addEventListener('turn', (event) => {
      const { kind, on } = /** @type {CustomEvent} */ (event).detail;
      void this.#media.turn(kind, on);
    });
    lobby.addEventListener('choose', (event) => {
      const { choice, device } = /** @type {CustomEvent} */ (event).detail;
      void this.#media.choose(choice, device);
    });
    lobby.addEventListener('retry', () => void this.#media.start());
    lobby.addEventListener('join', (event) => {
      const { name, room } = /** @type {CustomEvent} */ (event).detail;
      void this.#join(name, room);
    });
    lobby.addEventListener('cancel', () => this.#joining?.abort());
    this.#show(lobby);
    this.#lobby = lobby;
    document.title = fromLink ? `${fromLink} · Hiroba` : 'Hiroba';
    void this.#startMedia();
  }

  /** Opens what we may send. */
  #startMedia() {
    for (const kind of /** @type {const} */ (['camera', 'microphone'])) {
      if (!this.#invitation.allows(kind)) void this.#media.turn(kind, false);
    }
    return this.#media.start();
  }

  /**
   * @param {string} name
   * @param {string} room
   */
  async #join(name, room) {
    const lobby = this.#lobby;
    if (!lobby) return;
    if (!this.#invitation.name) {
      this.#name = name;
      remember({ name });
    }
    lobby.state = { ...lobby.state, step: 'joining', refusal: null };
    const joining = new AbortController();
    this.#joining = joining;
    try {
      const joined = await this.#connect(room, joining.signal, () => {
        lobby.state = { ...lobby.state, step: 'waiting' };
      });
      // Somebody went elsewhere meanwhile.
      if (this.#lobby !== lobby) return void joined.leave();
      this.#enter(joined);
    } catch (error) {
      lobby.state = { ...lobby.state, step: 'idle', refusal: joining.signal.aborted ? null : refusal(error) };
    }
  }

  /**
   * @param {string} room
   * @param {AbortSignal} signal
   * @param {() => void} onWaiting
   */
  #connect(room, signal, onWaiting) {
    const { camera, microphone } = this.#media;
    const { token, allows } = this.#invitation;
    const tracks = [];
    if (microphone.track && allows('microphone')) tracks.push({ track: microphone.track, source: 'microphone', muted: !microphone.wanted });
    if (camera.track && camera.wanted && allows('camera')) tracks.push({ track: camera.track, source: 'camera' });
    return connect({ room, name: this.#name, tracks, token, signal, onWaiting });
  }

  /** @param {Room} room */
  #enter(room) {
    this.#setRoom(room);
    const path = `/r/${encodeURIComponent(room.name)}`;
    if (location.pathname !== path || location.search) history.pushState(null, '', path);
    const { allows, token } = this.#invitation;
    const call = new Call({ room, media: this.#media, link: location.origin + path, allows, token, rejoining: null, problem: '' });
    call.addEventListener('leave', () => this.#end(ending('LEFT', room.name)));
    call.addEventListener('ended', (event) => this.#end(/** @type {CustomEvent} */ (event).detail));
    call.addEventListener('rejoin', () => void this.#rejoin());
    this.#show(call);
    this.#call = call;
  }

  /** The room was lost: the same call goes on in a new one. */
  async #rejoin() {
    const call = this.#call;
    if (!call || call.state.rejoining) return;
    call.state = { ...call.state, rejoining: 'joining', problem: '' };
    const joining = new AbortController();
    this.#joining = joining;
    try {
      const room = await this.#connect(call.state.room.name, joining.signal, () => {
        call.state = { ...call.state, rejoining: 'waiting' };
      });
      if (this.#call !== call) return void room.leave();
      this.#setRoom(room);
      call.state = { ...call.state, room, rejoining: null };
    } catch (error) {
      const { what, next } = refusal(error);
      call.state = { ...call.state, rejoining: null, problem: `${what} ${next}`.trim() };
    }
  }

  /** @param {Ending | null} ended */
  #end(ended) {
    const room = this.#room;
    if (!room || !ended) return;
    const left = new Left(ended);
    left.addEventListener('rejoin', () => void this.#comeBack(room.name));
    left.addEventListener('home', () => {
      history.pushState(null, '', '/');
      this.#invitation = UNINVITED;
      this.#showLobby();
    });
    this.#setRoom(null);
    this.#show(left);
    void this.#media.stop();
  }

  /**
   * Into the room again, with the devices as they were.
   *
   * @param {string} room
   */
  async #comeBack(room) {
    this.#showLobby();
    const lobby = this.#lobby;
    if (!lobby) return;
    lobby.state = { ...lobby.state, step: 'joining' };
    await this.#startMedia();
    if (this.#lobby === lobby) await this.#join(this.#name, room);
  }

  /** The address brings another invitation; a call that goes on needs none. */
  #invited() {
    const invitation = takeInvitation(location, history);
    if (!invitation) return;
    this.#invitation = invitation;
    if (!this.#room) this.#showLobby();
  }

  /** The back button leaves the call. */
  #addressChanged() {
    const room = roomOf(location.pathname);
    if (this.#room && room === this.#room.name) return;
    // What only the # did is told by itself.
    if (this.#lobby?.state.invited && this.#lobby.state.room === room) return;
    this.#setRoom(null);
    this.#showLobby();
  }

  #showMedia() {
    if (this.#lobby) this.#lobby.state = { ...this.#lobby.state, media: this.#media.snapshot() };
  }

  /** @param {Room | null} room */
  #setRoom(room) {
    void this.#room?.leave();
    this.#room = room;
    /** @type {any} */ (window).hiroba = { room };
  }

  /** @param {HTMLElement} part */
  #show(part) {
    this.#joining?.abort();
    this.#joining = null;
    this.#lobby = null;
    this.#call = null;
    this.replaceChildren(part);
  }
}

/** @param {string} path */
function roomOf(path) {
  const [, room] = ROOM_PATH.exec(path) ?? [];
  if (!room) return null;
  try {
    return decodeURIComponent(room);
  } catch {
    return null;
  }
}

customElements.define('hiroba-app', App);
