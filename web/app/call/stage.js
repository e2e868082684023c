import { Component } from '../component.js';
import { h, setText } from '../dom.js';
import { Attention } from './attention.js';
import { dragToCorner, inCorner } from './floating.js';
import { Invite } from './invite.js';
import { arrange, GAP } from './layout.js';
import { choose } from './order.js';
import { TileElement } from './tile.js';

/** @typedef {import('./tile.js').Tile} Tile */
/** @typedef {import('./layout.js').Box} Box */
/** @typedef {import('./layout.js').Arrangement} Arrangement */

/**
 * @typedef {object} StageState
 * @property {Tile[]} tiles our own camera, the others' cameras, the others' screens, in the order they came
 * @property {boolean} alone nobody else is in the room, not even somebody who is away
 * @property {string} link what to send to somebody who should come
 */

/**
 * A tile and where it is.
 *
 * @typedef {{tile: Tile, box: Box, main: boolean}} Placed
 */

/**
 * What is on the stage, for the SFU: see `view` of the SDK.
 *
 * @typedef {object} Shown
 * @property {string} track
 * @property {number} width in device pixels
 * @property {number} height
 * @property {number} priority
 * @property {boolean} paused nobody looks at the page
 */

/** A picture whose aspect is not known counts as neither wide nor upright. */
const SQUARE = 1;

/** A stage this low, in pixels, is that of a phone on its side. */
const SHORT = 480;

/** A window that is being resized settles before the SFU is told. */
const SETTLE_MS = 200;

/** How the view ranks what it shows; a picture that is off can wait. */
const PRIORITY = { main: 2, other: 1, off: 0 };

/**
 * Where the pictures are. Places the tiles, keeps what is pinned, and emits
 * 'shown' with Shown[] when that has changed, and 'everybody' when somebody
 * asks who does not fit.
 *
 * @extends {Component<StageState>}
 */
export class Stage extends Component {
  /** @type {Map<string, TileElement>} */
  #elements = new Map();
  #more = h('button', { type: 'button', class: 'more', onclick: () => this.emit('everybody') });
  #invite = new Invite();
  /** Its tile may be away, and come back. @type {string | null} */
  #pinned = null;
  /** @type {import('./floating.js').Corner} */
  #corner = 'bottom-right';
  /** @type {string[]} */
  #seats = [];
  /** @type {Map<string, number>} */
  #spoke = new Map();
  /** @type {Map<string, number>} */
  #aspects = new Map();
  #size = { width: 0, height: 0 };
  /** @type {Attention | null} */
  #attention = null;
  #settling = 0;
  #told = '';
  #toldLooking = true;

  constructor() {
    super({ tiles: [], alone: true, link: '' });
  }

  /** @override */
  build() {
    this.setAttribute('role', 'group');
    this.setAttribute('aria-label', 'Pictures');
    this.#more.hidden = true;
    this.append(this.#more, this.#invite);
  }

  /** @override */
  connected() {
    const observer = new ResizeObserver(([entry]) => {
      if (!entry) return;
      this.#size = { width: entry.contentRect.width, height: entry.contentRect.height };
      this.toggleAttribute('data-still', true); // Tiles follow a window's edge without lagging behind.
      this.render();
      requestAnimationFrame(() => this.removeAttribute('data-still'));
    });
    observer.observe(this);
    this.#attention = new Attention(this.life);
    this.#attention.addEventListener('change', () => this.changed());
    this.#followDensity();
    this.life.addEventListener('abort', () => {
      observer.disconnect();
      clearTimeout(this.#settling);
    });
  }

  /** @override */
  render() {
    const { tiles, alone, link } = this.state;
    const { width, height } = this.#size;
    if (width === 0 || height === 0) return;

    this.#forget(new Set(tiles.map((tile) => tile.key)));
    const now = Date.now();
    for (const tile of tiles) if (tile.speaking) this.#spoke.set(tile.key, now);

    const self = tiles.find((tile) => tile.self);
    const main = this.#mainOf(tiles);
    const others = tiles.filter((tile) => tile !== self && tile !== main);
    this.#invite.state = { link };
    this.#invite.hidden = !alone;
    const spare = alone ? this.#spaceForInvite() : { left: 0, bottom: 0 };
    const arrangement = arrange(width - spare.left, height - spare.bottom, {
      others: others.length,
      main: main?.kind ?? null,
      mainAspect: main && this.#aspects.get(main.key),
      mainIsSelf: main !== undefined && main === self,
      upright: (others.length === 0 ? tiles : others).every(({ key }) => (this.#aspects.get(key) ?? SQUARE) < SQUARE),
    });

    this.#seats = choose(others.map((tile) => tile.key), this.#seats, arrangement.others.length, this.#spoke);
    const placed = this.#placesOf(tiles, main, arrangement, spare.left);
    this.#place(placed, arrangement.floating);
    this.#placeMore(arrangement, others.length - this.#seats.length);
    this.toggleAttribute('data-alone', tiles.length === 1);
    this.#tellShown(placed);
  }

  /**
   * Who is where.
   *
   * @param {Tile[]} tiles
   * @param {Tile | undefined} main
   * @param {Arrangement} arrangement
   * @param {number} left what our own tile leaves free beside it
   * @returns {Map<string, Placed>} by tile key, the main one first
   */
  #placesOf(tiles, main, arrangement, left) {
    /** @type {Map<string, Placed>} */
    const placed = new Map();
    if (main && arrangement.main) placed.set(main.key, { tile: main, box: arrangement.main, main: true });
    this.#seats.forEach((key, seat) => {
      const tile = tiles.find((other) => other.key === key);
      const box = arrangement.others[seat];
      if (tile && box) placed.set(key, { tile, box, main: false });
    });
    const self = tiles.find((tile) => tile.self);
    if (self && arrangement.self) {
      const box = arrangement.floating ? inCorner(arrangement.self, this.#corner, this.#size) : arrangement.self;
      placed.set(self.key, { tile: self, box: { ...box, x: box.x + left }, main: false });
    }
    return placed;
  }

  /** A window that is moved to another screen has other device pixels. */
  #followDensity() {
    const media = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    media.addEventListener('change', () => {
      this.changed();
      this.#followDensity();
    }, { once: true, signal: this.life });
  }

  /** @param {ReadonlySet<string>} present everything else is gone */
  #forget(present) {
    for (const known of [this.#spoke, this.#aspects]) {
      for (const key of known.keys()) if (!present.has(key)) known.delete(key);
    }
  }

  /**
   * On a phone the invitation would hide our own face: the face gives way.
   */
  #spaceForInvite() {
    const { width, height } = this.#size;
    const { offsetWidth, offsetHeight, offsetLeft } = this.#invite;
    if (width < height) return { left: 0, bottom: offsetHeight + 2 * GAP };
    if (height < SHORT) return { left: offsetLeft + offsetWidth + GAP, bottom: 0 };
    return { left: 0, bottom: 0 };
  }

  /**
   * The tile with the main area: the pinned one, or else the screen that was
   * shared last.
   *
   * @param {Tile[]} tiles
   */
  #mainOf(tiles) {
    if (tiles.length < 2) return undefined;
    return tiles.find((tile) => tile.key === this.#pinned) ?? tiles.findLast((tile) => tile.kind === 'screen');
  }

  /**
   * @param {Map<string, Placed>} placed
   * @param {boolean} floating
   */
  #place(placed, floating) {
    const shown = new Set(this.state.tiles.flatMap(({ media }) => media ?? []));
    for (const [key, element] of this.#elements) {
      if (placed.has(key)) continue;
      element.remove();
      this.#elements.delete(key);
    }
    for (const [key, { tile, box }] of placed) {
      const state = { tile, pinned: key === this.#pinned, floating: floating && tile.self, shown };
      const element = this.#elements.get(key) ?? this.#newTile(key, state);
      element.state = state;
      put(element, box);
    }
  }

  /**
   * @param {string} key
   * @param {import('./tile.js').TileState} state
   */
  #newTile(key, state) {
    const element = new TileElement(state);
    element.addEventListener('pin', () => this.#pin(key));
    element.addEventListener('aspect', (event) => {
      this.#aspects.set(key, /** @type {CustomEvent<number>} */ (event).detail);
      this.changed();
    });
    if (state.tile.self) {
      dragToCorner(element, () => element.state.floating, (corner) => {
        this.#corner = corner;
        this.changed();
      });
    }
    this.#elements.set(key, element);
    // A video that is moved in the document stops: new tiles go to the end,
    // and places come from the style.
    this.append(element);
    return element;
  }

  /**
   * @param {Arrangement} arrangement
   * @param {number} count
   */
  #placeMore({ more }, count) {
    this.#more.hidden = !more;
    if (!more) return;
    setText(this.#more, `+${count}`);
    this.#more.setAttribute('aria-label', `${count} more people: show everybody`);
    put(this.#more, more);
  }

  /** @param {string} key */
  #pin(key) {
    if (this.state.tiles.length < 2) return;
    this.#pinned = this.#pinned === key ? null : key;
    this.changed();
  }

  /** @param {Map<string, Placed>} placed */
  #tellShown(placed) {
    const looking = this.#attention?.looking ?? true;
    /** @type {Shown[]} */
    const shown = [];
    for (const { tile, box, main } of placed.values()) {
      if (tile.self || !tile.track) continue;
      shown.push({
        track: tile.track,
        width: Math.round(box.width * devicePixelRatio),
        height: Math.round(box.height * devicePixelRatio),
        priority: !tile.expected ? PRIORITY.off : main ? PRIORITY.main : PRIORITY.other,
        paused: !looking,
      });
    }
    const told = JSON.stringify(shown);
    if (told === this.#told) return;
    this.#told = told;
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => this.emit('shown', shown), looking === this.#toldLooking ? SETTLE_MS : 0);
    this.#toldLooking = looking;
  }
}

/**
 * @param {HTMLElement} element
 * @param {Box} box
 */
function put(element, box) {
  element.style.transform = `translate(${box.x.toFixed(1)}px, ${box.y.toFixed(1)}px)`;
  element.style.width = `${box.width.toFixed(1)}px`;
  element.style.height = `${box.height.toFixed(1)}px`;
}

customElements.define('hiroba-stage', Stage);
