import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { Bar } from './bar.js';
import { nameOf, peopleOf, soundsOf, tilesOf, isOn } from './cast.js';
import { Chat } from './chat.js';
import { Conversation } from './conversation.js';
import { CopyLink } from './copy-link.js';
import { News } from './news.js';
import { People } from './people.js';
import { Playback } from './playback.js';
import { canShare, Publisher } from './publisher.js';
import { Settings } from './settings.js';
import { Stage } from './stage.js';
import { Status } from './status.js';
import { Toasts } from './toasts.js';
import { keepAwake } from './wake-lock.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').RoomMessage} RoomMessage */
/** @typedef {import('./chat.js').ChatMessage} ChatMessage */
/** @typedef {import('../devices/local-media.js').LocalMedia} LocalMedia */

/**
 * @typedef {object} CallState
 * @property {Room} room joined; another one after joining again
 * @property {LocalMedia} media
 * @property {string} link to this room
 * @property {boolean} rejoining
 * @property {string} problem why joining again failed, or ''
 */

/**
 * A call: the stage, the bar, the panels, and the wires between them and the
 * room. Emits 'leave' and 'rejoin'.
 *
 * @extends {Component<CallState>}
 */
export class Call extends Component {
  #title = h('h1');
  #copy = new CopyLink('Copy link');
  #stage = new Stage();
  #bar = new Bar();
  #chat = new Chat();
  #people = new People();
  #settings = new Settings();
  #status = new Status();
  #toasts = new Toasts();

  #conversation = new Conversation();
  #news = new News();
  #playback = new Playback(this);
  /** @type {'chat' | 'people' | null} */
  #panel = null;

  /** What belongs to the room that we are in now; see #enter. */
  /** @type {Room | null} */
  #room = null;
  /** @type {Publisher | null} */
  #publisher = null;
  /** @type {(() => void)[]} */
  #offs = [];
  /** @type {ReadonlySet<string>} */
  #speakers = new Set();
  /** @type {Set<string>} */
  #unplayable = new Set();
  #wasConnected = false;
  #lostBecause = '';

  /** @param {CallState} state */
  constructor(state) {
    super(state);
  }

  /** @override */
  build() {
    this.append(
      h('header', {}, this.#title, this.#copy),
      h('main', {}, this.#stage, this.#status, this.#toasts, this.#bar), this.#chat, this.#people, this.#settings,
    );
    this.#wireBar();
    this.#wireChat();

    this.#stage.addEventListener('shown', (event) => this.#room?.view(detail(event)));
    this.#stage.addEventListener('everybody', () => this.#open('people'));
    this.#people.addEventListener('close', () => this.#open(null));
    this.#people.addEventListener('write', (event) => this.#writeTo(detail(event)));
    this.#settings.addEventListener('choose', (event) => {
      const { choice, device } = detail(event);
      void this.state.media.choose(choice, device);
    });
    this.#status.addEventListener('rejoin', () => this.emit('rejoin'));
    this.#status.addEventListener('stop-sharing', () => this.#publisher?.unshare());
    this.#toasts.addEventListener('act', (event) => this.#news.act(detail(event)));
    this.#toasts.addEventListener('gone', (event) => this.#news.drop(detail(event)));
    this.#news.addEventListener('change', () => this.changed());
    this.#playback.addEventListener('change', () => {
      if (!this.#playback.blocked) return this.#news.dropAbout('sound');
      const hear = { label: 'Click to hear', run: () => void this.#playback.unblock() };
      this.#news.tell('The browser holds the sound back', hear, { about: 'sound', stays: true });
    });
  }

  /** @override */
  connected() {
    const { media } = this.state;
    media.addEventListener('change', () => {
      this.#publisher?.follow();
      this.changed();
    }, { signal: this.life });
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape' && !event.defaultPrevented && !document.querySelector('dialog[open]')) this.#open(null);
    }, { signal: this.life });
    keepAwake(this.life);
  }

  /** @override */
  disconnected() {
    this.#exit();
    this.#playback.play(new Map());
  }

  /** @override */
  render() {
    const { room, media, link } = this.state;
    if (room !== this.#room) this.#enter(room);

    const own = media.snapshot();
    const sharing = this.#publisher?.sharing ?? false;
    const over = room.state === 'lost' || room.state === 'closed';
    const scene = { room, own, sharing, over, speakers: this.#speakers, unplayable: this.#unplayable };
    const people = peopleOf(scene);
    const { unread } = this.#conversation;

    setText(this.#title, room.name);
    this.#title.title = room.name;
    this.#copy.state = { ...this.#copy.state, link };
    document.title = unread > 0 ? `(${unread}) ${room.name} · Hiroba` : `${room.name} · Hiroba`;

    this.#stage.state = { tiles: tilesOf(scene), link };
    this.#playback.useSpeaker(own.chosen.speaker);
    this.#playback.play(soundsOf(room));
    this.#bar.state = {
      microphone: isOn(own.microphone),
      camera: isOn(own.camera),
      sharing,
      canShare,
      panel: this.#panel,
      unread,
      people: people.length,
    };
    this.#chat.hidden = this.#panel !== 'chat';
    this.#chat.state = {
      messages: this.#conversation.messages,
      others: people.filter((person) => !person.self),
      to: this.#conversation.to.id,
      toName: this.#conversation.to.name,
    };
    this.#people.hidden = this.#panel !== 'people';
    this.#people.state = { people, link };
    this.#settings.state = { media: own };
    this.#status.state = { ...this.#linkState(), sharing };
    this.#toasts.state = { toasts: this.#news.toasts };
  }

  #linkState() {
    const { room, rejoining, problem } = this.state;
    if (rejoining) return /** @type {const} */ ({ link: 'rejoining', reason: '' });
    if (room.state === 'lost' || room.state === 'closed') {
      return /** @type {const} */ ({ link: 'lost', reason: problem || this.#lostBecause });
    }
    if (room.state === 'connected') return /** @type {const} */ ({ link: 'connected', reason: '' });
    return { link: this.#wasConnected ? /** @type {const} */ ('reconnecting') : /** @type {const} */ ('connecting'), reason: '' };
  }

  /**
   * Follows a room from now on.
   *
   * @param {Room} room
   */
  #enter(room) {
    this.#exit();
    this.#room = room;
    this.#wasConnected = room.state === 'connected';
    const publisher = new Publisher(room, this.state.media);
    publisher.addEventListener('change', () => this.changed());
    publisher.addEventListener('problem', (event) => this.#news.tell(detail(event)));
    this.#publisher = publisher;
    const changed = () => this.changed();
    this.#offs = [
      room.on('state', (state, error) => this.#stateChanged(state, error)),
      room.on('peer-joined', (peer) => {
        this.#news.tellOf(nameOf(peer), 'joined');
        this.changed();
      }),
      room.on('peer-left', (peer, reason) => {
        this.#news.tellOf(nameOf(peer), reason === 'LOST' ? 'lost the connection' : 'left');
        this.changed();
      }),
      room.on('track-published', changed),
      room.on('track-updated', changed),
      room.on('track-removed', changed),
      room.on('media', ({ track, why }) => {
        if (why === 'CODEC_NOT_NEGOTIATED') this.#unplayable.add(track.id);
        else this.#unplayable.delete(track.id);
        this.changed();
      }),
      room.on('speakers', (peers) => {
        this.#speakers = new Set(peers);
        this.changed();
      }),
      room.on('message:chat', (message) => this.#heard(message)),
      room.on('error', (error) => this.#news.tell(error.message)),
    ];
    // The devices may have changed while we joined.
    publisher.follow();
  }

  #exit() {
    for (const off of this.#offs) off();
    this.#offs = [];
    this.#publisher?.stop();
    this.#publisher = null;
    this.#room = null;
    this.#speakers = new Set();
    this.#unplayable = new Set();
    this.#lostBecause = '';
  }

  /**
   * @param {import('/sdk/hiroba.js').RoomState} state
   * @param {import('/sdk/hiroba.js').HirobaError} [error]
   */
  #stateChanged(state, error) {
    if (state === 'connected') this.#wasConnected = true;
    if (state === 'lost' || state === 'closed') {
      // That the link is lost needs fewer words than the SDK has for it.
      this.#lostBecause = error && error.code !== 'LINK_LOST' ? error.message : '';
      this.#publisher?.stop();
      this.#speakers = new Set();
    }
    this.changed();
  }

  #wireBar() {
    const { media } = this.state;
    this.#bar.addEventListener('microphone', () => this.#turn('microphone', !isOn(media.microphone)));
    this.#bar.addEventListener('camera', () => this.#turn('camera', !isOn(media.camera)));
    this.#bar.addEventListener('share', () => {
      if (this.#publisher?.sharing) this.#publisher.unshare();
      else void this.#publisher?.share();
    });
    this.#bar.addEventListener('chat', () => this.#open(this.#panel === 'chat' ? null : 'chat'));
    this.#bar.addEventListener('people', () => this.#open(this.#panel === 'people' ? null : 'people'));
    this.#bar.addEventListener('settings', () => this.#settings.open());
    this.#bar.addEventListener('leave', () => this.emit('leave'));
  }

  #wireChat() {
    this.#chat.addEventListener('close', () => this.#open(null));
    this.#chat.addEventListener('to', (event) => this.#address(detail(event)));
    this.#chat.addEventListener('send', (event) => this.#say(detail(event).text));
    this.#chat.addEventListener('again', (event) => {
      const { number, text, to } = /** @type {ChatMessage} */ (detail(event));
      void this.#deliver(number, text, to);
    });
  }

  /**
   * @param {'camera' | 'microphone'} kind
   * @param {boolean} on
   */
  async #turn(kind, on) {
    await this.state.media.turn(kind, on);
    const { problem } = this.state.media[kind];
    if (on && problem) this.#news.tell(`${problem.what} ${problem.next}`);
  }

  /** @param {'chat' | 'people' | null} panel */
  #open(panel) {
    const before = this.#panel;
    if (panel === before) return;
    this.#panel = panel;
    if (panel === 'chat') {
      this.#conversation.read();
      this.#news.dropAbout('chat');
    }
    this.render();
    if (panel === 'chat') this.#chat.open();
    if (panel === null && before) this.#bar.focusToggle(before);
  }

  /** @param {string} peer */
  #writeTo(peer) {
    this.#address(peer);
    this.#open('chat');
  }

  /** @param {string} id */
  #address(id) {
    const peer = this.#room?.peers.get(id);
    this.#conversation.address(peer ? { id, name: nameOf(peer) } : { id: '', name: '' });
    this.changed();
  }

  /** @param {string} text */
  #say(text) {
    const { id } = this.#conversation.to;
    const number = this.#conversation.sending(this.#room?.self.id ?? '', text, Date.now());
    this.changed();
    void this.#deliver(number, text, id);
  }

  /**
   * @param {number} number
   * @param {string} text
   * @param {string} to a peer id; '' for everybody
   */
  async #deliver(number, text, to) {
    this.#conversation.delivered(number, 'sending');
    this.changed();
    try {
      await this.#room?.emit('chat', text, { to: to ? [to] : [] });
      this.#conversation.delivered(number, 'sent');
    } catch {
      this.#conversation.delivered(number, 'failed');
    }
    this.changed();
  }

  /** @param {RoomMessage} message */
  #heard({ from, to, text, sentMs }) {
    const peer = this.#room?.peers.get(from);
    const name = peer ? nameOf(peer) : 'Somebody who left';
    const seen = this.#panel === 'chat';
    this.#conversation.received({ from, name, text, at: sentMs || Date.now(), privately: to.length > 0, seen });
    if (!seen) this.#news.tell(`${name}: ${text}`, { label: 'Read', run: () => this.#open('chat') }, { about: 'chat' });
    this.changed();
  }
}

/** @param {Event} event */
function detail(event) {
  return /** @type {CustomEvent} */ (event).detail;
}

customElements.define('hiroba-call', Call);
