/**
 * A custom element that is built once and then follows its state.
 *
 * The parent sets `state`, a plain object that nobody changes afterwards; the
 * element answers with events that do not bubble. Neither looks inside the
 * other. Several changes of state within one task are drawn once.
 *
 * @template {object} S
 */
export class Component extends HTMLElement {
  /** @type {S} */
  #state;
  #built = false;
  #queued = false;
  #life = new AbortController();

  /** @param {S} initial what to show until the parent sets something else */
  constructor(initial) {
    super();
    this.#state = initial;
  }

  get state() {
    return this.#state;
  }

  set state(next) {
    this.#state = next;
    this.changed();
  }

  /** Aborted when the element leaves the document: for addEventListener. */
  get life() {
    return this.#life.signal;
  }

  connectedCallback() {
    this.#life = new AbortController();
    if (!this.#built) {
      this.#built = true;
      this.build();
    }
    this.connected();
    this.render();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.disconnected();
  }

  /** Asks for render() before the browser paints next. */
  changed() {
    if (!this.#built || this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      if (this.isConnected) this.render();
    });
  }

  /**
   * Tells the parent what the person did.
   *
   * @param {string} type
   * @param {unknown} [detail]
   */
  emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Makes the content; called once, before the first render(). */
  build() {}

  /** Brings the content in line with the state. */
  render() {}

  /** The element is in the document, again or for the first time. */
  connected() {}

  /** The element has left the document. */
  disconnected() {}
}
