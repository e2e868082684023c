/**
 * One event of an event stream.
 *
 * @typedef {{id: string, type: string, data: string}} StreamEvent
 */

/** No message of ours comes near this. */
const MOST_CHARACTERS = 8 << 20;

/**
 * EventStreamParser reads `text/event-stream` piece by piece, as the HTML
 * standard says (9.2.6, "Interpreting an event stream"). The browser's own
 * EventSource is not used because it cannot send a header.
 */
export class EventStreamParser {
  #rest = '';
  #begun = false;
  /** The last piece ended with CR: an LF that follows belongs to it. */
  #afterCR = false;
  #id = '';
  #type = '';
  /** @type {string[]} */
  #data = [];
  #size = 0;

  /**
   * @param {string} piece  decoded text
   * @returns {StreamEvent[]} what is complete now
   * @throws {RangeError} when an event is larger than any of ours
   */
  push(piece) {
    if (!this.#begun && piece) {
      this.#begun = true;
      if (piece.startsWith('\uFEFF')) piece = piece.slice(1);
    }
    if (this.#afterCR && piece) {
      this.#afterCR = false;
      if (piece.startsWith('\n')) piece = piece.slice(1);
    }
    this.#size += piece.length;
    if (this.#size > MOST_CHARACTERS) throw new RangeError(`an event has more than ${MOST_CHARACTERS} characters`);

    const lines = (this.#rest + piece).split(/\r\n|\n|\r/u);
    this.#rest = lines.pop() ?? '';
    if (piece.endsWith('\r')) this.#afterCR = true;
    /** @type {StreamEvent[]} */
    const events = [];
    for (const line of lines) {
      if (line === '') this.#dispatch(events);
      else this.#field(line);
    }
    return events;
  }

  /** @param {StreamEvent[]} events */
  #dispatch(events) {
    if (this.#data.length > 0) events.push({ id: this.#id, type: this.#type || 'message', data: this.#data.join('\n') });
    this.#data = [];
    this.#type = '';
    this.#size = this.#rest.length;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /u, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#type = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    // A comment, the time to reconnect, or a field of the future: we go by none of them.
    else this.#size = Math.max(0, this.#size - line.length);
  }
}
