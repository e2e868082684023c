/**
 * Events calls the functions that asked for an event, in the order they asked.
 *
 * @template {Record<string, any[]>} Arguments  event name → arguments
 */
export class Events {
  /** @type {Map<keyof Arguments, Set<Function>>} */
  #handlers = new Map();

  /**
   * @template {keyof Arguments} Name
   * @param {Name} name
   * @param {(...args: Arguments[Name]) => void} handler
   * @returns {() => void} takes the handler away again
   */
  on(name, handler) {
    const handlers = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, handlers);
    // A wrapper of its own: the same function may be registered twice.
    const entry = (/** @type {Arguments[Name]} */ ...args) => handler(...args);
    handlers.add(entry);
    return () => {
      handlers.delete(entry);
    };
  }

  /**
   * @template {keyof Arguments} Name
   * @param {Name} name
   * @param {Arguments[Name]} args
   */
  fire(name, ...args) {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        handler(...args);
      } catch (error) {
        // A fault in one handler is the application's; it shows up as an
        // uncaught error there and must not stop the other handlers or the room.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
