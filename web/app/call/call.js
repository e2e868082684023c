import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { icon } from '../icons.js';
import { Attendance } from './attendance.js';
import { Bar } from './bar.js';
import { nameOf, peopleOf, soundsOf, tilesOf, isOn } from './cast.js';
import { Chat } from './chat.js';
import { Confirm } from './confirm.js';
import { pathsOf } from './connection.js';
import { Conversation } from './conversation.js';
import { CopyLink } from './copy-link.js';
import { ending } from './endings.js';
import { Moderated } from './moderated.js';
import { Moderator } from './moderator.js';
import { News } from './news.js';
import { People } from './people.js';
import { Playback } from './playback.js';
import { canShare, Publisher } from './publisher.js';
import { moderates } from './rights.js';
import { Settings } from './settings.js';
import { Stage } from './stage.js';
import { Status } from './status.js';
import { Stills } from './stills.js';
import { Toasts } from './toasts.js';
import { keepAwake } from './wake-lock.js';

/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').RoomMessage} RoomMessage */
/** @typedef {import('/sdk/hiroba.js').Peer} Peer */
/** @typedef {import('./chat.js').ChatMessage} ChatMessage */
/** @typedef {import('../devices/local-media.js').LocalMedia} LocalMedia */

/**
 * @typedef {object} CallState
 * @property {Room} room joined; another one after joining again
 * @property {LocalMedia} media
 * @property {string} link to this room
 * @property {(source: string) => boolean} allows whether our invitation lets us send this
 * @property {string} token of our invitation, a secret, or ''
 * @property {'joining' | 'waiting' | null} rejoining waiting: somebody has to let us in
 * @property {string} problem why joining again failed, or ''
 */

/**
 * A call: the stage, the bar, the panels, and the wires between them and the
 * room. Emits 'leave', 'rejoin', and 'ended' with an Ending when somebody else
 * ended it for us.
 *
 * @extends {Component<CallState>}
 */
export class Call extends Component {
  #title = h('h1');
  #locked = h('span', { class: 'locked', role: 'img', 'aria-label': 'The room is locked', title: 'The room is locked', 'data-testid': 'locked' }, icon('lock'));
  #copy = new CopyLink('Copy link');
  #stage = new Stage();
  #bar = new Bar();
  #chat = new Chat();
  #people = new People();
  #settings = new Settings();
  #confirm = new Confirm();
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
  /** @type {Moderator | null} */
  #moderator = null;
  /** @type {(() => void)[]} */
  #offs = [];
  /** @type {ReadonlySet<string>} */
  #speakers = new Set();
  /** Why tracks are not received, by their ids. @type {Map<string, import('/sdk/hiroba.js').Why>} */
  #whys = new Map();
  #stills = new Stills();
  #wasConnected = false;
  #lostBecause = '';

  /** @param {CallState} state */
  constructor(state) {
    super(state);
  }

  /** @override */
  build() {
    this.append(
      h('header', {}, this.#title, this.#locked, this.#copy),
      h('main', {}, this.#stage, this.#status, this.#toasts, this.#bar), this.#chat, this.#people, this.#settings, this.#confirm,
    );
    this.#wireBar();
    this.#wireChat();
    this.#wirePeople();

    this.#stage.addEventListener('shown', (event) => this.#room?.view(detail(event)));
    this.#stage.addEventListener('everybody', () => this.#open('people'));
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
    const { room, media, link, token } = this.state;
    if (room !== this.#room) this.#enter(room);

    const own = media.snapshot();
    const sharing = this.#publisher?.sharing ?? false;
    const over = room.state === 'lost' || room.state === 'closed';
    const moderating = !over && moderates(room.self);
    const scene = { room, own, sharing, over, speakers: this.#speakers, whys: this.#whys, stills: this.#stills };
    const people = peopleOf(scene);
    const others = people.filter((person) => !person.self);
    const present = others.some((person) => !person.away);
    const knocks = moderating ? [...room.knocks.values()] : [];
    const { unread } = this.#conversation;

    setText(this.#title, room.name);
    this.#title.title = room.name;
    this.#locked.hidden = !room.settings.locked;
    this.#copy.state = { ...this.#copy.state, link };
    document.title = unread > 0 ? `(${unread}) ${room.name} · Hiroba` : `${room.name} · Hiroba`;

    this.#stage.state = { tiles: tilesOf(scene), alone: others.length === 0, link };
    this.#playback.useSpeaker(own.chosen.speaker);
    this.#playback.play(soundsOf(room));
    this.#bar.state = {
      microphone: isOn(own.microphone),
      camera: isOn(own.camera),
      sharing,
      allows: (source) => this.#allows(source) && (source !== 'screen' || canShare),
      panel: this.#panel,
      unread,
      people: people.length,
    };
    this.#chat.hidden = this.#panel !== 'chat';
    this.#chat.state = {
      messages: this.#conversation.messages,
      others,
      to: this.#conversation.to.id,
      toName: this.#conversation.to.name,
      kept: room.settings.historyMessages > 0,
      online: room.transport !== '',
      allowed: room.self.grants.includes('data'),
    };
    this.#people.hidden = this.#panel !== 'people';
    this.#people.state = { people, moderating, room: room.settings, knocks, link };
    this.#settings.state = { media: own, paths: pathsOf(room), invitation: { token, room: token && room.name } };
    this.#status.state = {
      ...this.#linkState(),
      sharing,
      away: present ? [] : others.map((person) => person.name),
      // The panel has the same list, and more to press.
      knocks: this.#panel === 'people' ? [] : knocks,
    };
    this.#toasts.state = { toasts: this.#news.toasts };
  }

  #linkState() {
    const { room, rejoining, problem } = this.state;
    if (rejoining === 'waiting') return /** @type {const} */ ({ link: 'knocking', reason: '' });
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
    const publisher = new Publisher(room, this.state.media, (source) => this.#allows(source));
    publisher.addEventListener('change', () => this.changed());
    publisher.addEventListener('problem', (event) => this.#news.tell(detail(event)));
    this.#publisher = publisher;
    this.#moderator = new Moderator(room, this.#confirm, (sentence) => this.#news.tell(sentence));
    this.#offs = [...this.#followRoom(room), ...this.#followPeers(room), ...this.#followTracks(room)];
    this.#conversation.before(room.history.filter(({ topic }) => topic === 'chat')
      .map(({ from, name, text, sentMs }) => ({ from, name: this.#nameOf(from, name), text, at: sentMs })));
    // The devices may have changed while we joined.
    publisher.follow();
  }

  /** @param {Room} room */
  #followRoom(room) {
    const changed = () => this.changed();
    return [
      room.on('state', (state, error) => this.#stateChanged(state, error)),
      room.on('reconnecting', changed),
      room.on('transport', changed),
      room.on('topology', changed),
      room.on('room-updated', changed),
      room.on('knock', changed),
      room.on('message:chat', (message) => this.#heard(message)),
      room.on('access-expiring', (expiresMs) => {
        const at = new Date(expiresMs).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
        this.#news.tell(`Your invitation ends at ${at}`);
      }),
      room.on('error', (error) => this.#news.tell(error.message)),
    ];
  }

  /** @param {Room} room */
  #followPeers(room) {
    const attendance = new Attendance(room.peers.values(), (name, did) => this.#news.tellOf(name, did));
    const moderated = this.#moderated(room);
    return [
      room.on('peer-joined', (peer) => {
        attendance.joined(peer);
        this.changed();
      }),
      room.on('peer-updated', (peer) => {
        if (peer === room.self) moderated.updated(peer);
        else attendance.updated(peer);
        this.changed();
      }),
      room.on('peer-left', (peer, reason) => {
        attendance.left(peer, reason);
        this.changed();
      }),
      room.on('track-updated', (track, peer) => {
        if (peer === room.self && track.muted) moderated.muted(track);
        this.changed();
      }),
      room.on('track-removed', (track, peer) => {
        if (peer === room.self) moderated.stopped(track);
        this.#whys.delete(track.id);
        this.#stills.drop(track.id);
        this.changed();
      }),
    ];
  }

  /** @param {Room} room */
  #followTracks(room) {
    return [
      room.on('track-published', () => this.changed()),
      room.on('quality', () => this.changed()),
      room.on('media', (change) => {
        const { track, why } = change;
        this.#stills.follow(change);
        if (why) this.#whys.set(track.id, why);
        else this.#whys.delete(track.id);
        this.changed();
      }),
      room.on('speakers', (peers) => {
        this.#speakers = new Set(peers);
        this.changed();
      }),
    ];
  }

  /** @param {Room} room */
  #moderated(room) {
    return new Moderated(room.self, {
      tell: (sentence) => this.#news.tell(sentence),
      turnOff: (kind) => void this.state.media.turn(kind, false),
      unshare: () => {
        const shared = this.#publisher?.sharing ?? false;
        if (shared) this.#publisher?.unshare();
        return shared;
      },
    });
  }

  /** @param {string} source */
  #allows(source) {
    return this.state.allows(source) && (this.#room?.self.grants.includes('publish') ?? false);
  }

  #exit() {
    for (const off of this.#offs) off();
    this.#offs = [];
    this.#publisher?.stop();
    this.#publisher = null;
    this.#moderator = null;
    this.#room = null;
    this.#speakers = new Set();
    this.#whys.clear();
    this.#stills.clear();
    this.#lostBecause = '';
  }

  /**
   * @param {import('/sdk/hiroba.js').RoomState} state
   * @param {import('/sdk/hiroba.js').HirobaError} [error]
   */
  #stateChanged(state, error) {
    if (state === 'connected') this.#wasConnected = true;
    const ended = state === 'closed' && ending(error?.code ?? '', this.state.room.name, this.#moderator?.ended);
    if (ended) return this.emit('ended', ended);
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

  #wirePeople() {
    this.#people.addEventListener('close', () => this.#open(null));
    this.#people.addEventListener('write', (event) => this.#writeTo(detail(event)));
    this.#people.addEventListener('person', (event) => this.#moderator?.toPerson(detail(event).id, detail(event).who));
    this.#people.addEventListener('room', (event) => this.#moderator?.toRoom(detail(event)));
    this.#status.addEventListener('who', () => this.#open('people'));
    for (const part of [this.#people, this.#status]) {
      part.addEventListener('admit', (event) => this.#moderator?.answer('admit', detail(event)));
      part.addEventListener('refuse', (event) => this.#moderator?.answer('refuse', detail(event)));
    }
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
    } catch (error) {
      // The server has it, and only could not say so.
      const taken = /** @type {{code?: string}} */ (error).code === 'ANSWER_LOST';
      this.#conversation.delivered(number, taken ? 'sent' : 'failed');
    }
    this.changed();
  }

  /**
   * @param {string} id of who wrote something
   * @param {string} [then] what they were called
   */
  #nameOf(id, then = '') {
    const peer = this.#room?.peers.get(id);
    if (peer) return nameOf(peer);
    return then || 'Somebody who left';
  }

  /** @param {RoomMessage} message */
  #heard({ from, to, text, sentMs }) {
    const name = this.#nameOf(from);
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
