import { connect } from '/sdk/hiroba.js';
import { Call } from './call/call.js';
import { Left } from './call/left.js';
import { Component } from './component.js';
import { LocalMedia } from './devices/local-media.js';
import { Lobby } from './lobby/lobby.js';
import { inventRoom } from './names.js';
import { remember, remembered } from './preferences.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */

/** Rooms live at /r/{room}. */
const ROOM_PATH = /^\/r\/([^/]+)\/?$/u;

/**
 * The page: the lobby, then the call, then "You left". It owns our devices,
 * the address in the browser, and the room that we are in.
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

  constructor() {
    super({});
  }

  /** @override */
  build() {
    this.#name = new URLSearchParams(location.search).get('name') ?? remembered().name;
    this.#media.addEventListener('change', () => this.#showMedia());
    this.#showLobby();
  }

  /** @override */
  connected() {
    addEventListener('popstate', () => this.#addressChanged(), { signal: this.life });
    // A page that comes back from the browser's cache has lost its call.
    addEventListener('pageshow', (event) => {
      if (event.persisted) location.reload();
    }, { signal: this.life });
  }

  #showLobby() {
    const fromLink = roomOf(location.pathname);
    const lobby = new Lobby();
    lobby.state = {
      media: this.#media.snapshot(),
      name: this.#name,
      room: fromLink ?? inventRoom(),
      invited: fromLink !== null,
      busy: false,
      problem: '',
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
    this.#show(lobby);
    this.#lobby = lobby;
    document.title = fromLink ? `${fromLink} · Hiroba` : 'Hiroba';
    void this.#media.start();
  }

  /**
   * @param {string} name
   * @param {string} room
   */
  async #join(name, room) {
    const lobby = this.#lobby;
    if (!lobby) return;
    this.#name = name;
    remember({ name });
    lobby.state = { ...lobby.state, busy: true, problem: '' };
    try {
      const joined = await this.#connect(room);
      // Somebody went elsewhere meanwhile.
      if (this.#lobby !== lobby) return void joined.leave();
      this.#enter(joined);
    } catch (error) {
      lobby.state = { ...lobby.state, busy: false, problem: sentence(error) };
    }
  }

  /** @param {string} room */
  #connect(room) {
    const { camera, microphone } = this.#media;
    const tracks = [];
    if (microphone.track) tracks.push({ track: microphone.track, source: 'microphone', muted: !microphone.wanted });
    if (camera.track && camera.wanted) tracks.push({ track: camera.track, source: 'camera' });
    return connect({ room, name: this.#name, tracks });
  }

  /** @param {Room} room */
  #enter(room) {
    this.#setRoom(room);
    const path = `/r/${encodeURIComponent(room.name)}`;
    if (location.pathname !== path || location.search) history.pushState(null, '', path);
    const call = new Call({ room, media: this.#media, link: location.origin + path, rejoining: false, problem: '' });
    call.addEventListener('leave', () => this.#leave());
    call.addEventListener('rejoin', () => void this.#rejoin());
    this.#show(call);
    this.#call = call;
  }

  /** The room was lost: the same call goes on in a new one. */
  async #rejoin() {
    const call = this.#call;
    if (!call || call.state.rejoining) return;
    call.state = { ...call.state, rejoining: true, problem: '' };
    try {
      const room = await this.#connect(call.state.room.name);
      if (this.#call !== call) return void room.leave();
      this.#setRoom(room);
      call.state = { ...call.state, room, rejoining: false };
    } catch (error) {
      call.state = { ...call.state, rejoining: false, problem: sentence(error) };
    }
  }

  #leave() {
    const room = this.#room;
    if (!room) return;
    const left = new Left();
    left.state = { room: room.name, busy: false };
    left.addEventListener('rejoin', () => void this.#comeBack(left));
    left.addEventListener('home', () => {
      history.pushState(null, '', '/');
      this.#showLobby();
    });
    this.#setRoom(null);
    this.#show(left);
    void this.#media.stop();
  }

  /**
   * From "You left" into the room again, with the devices as they were.
   *
   * @param {Left} left
   */
  async #comeBack(left) {
    if (left.state.busy) return;
    left.state = { ...left.state, busy: true };
    await this.#media.start();
    try {
      const room = await this.#connect(left.state.room);
      // Somebody went elsewhere meanwhile.
      if (!left.isConnected) return void room.leave();
      this.#enter(room);
    } catch (error) {
      if (!left.isConnected) return;
      this.#showLobby();
      if (this.#lobby) this.#lobby.state = { ...this.#lobby.state, problem: sentence(error) };
    }
  }

  /** The back button leaves the call. */
  #addressChanged() {
    if (this.#room && roomOf(location.pathname) === this.#room.name) return;
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

/** @param {unknown} error */
function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}

customElements.define('hiroba-app', App);
