import { asHirobaError, isNetwork } from '../errors.js';
import { sleep } from '../sleep.js';
import { headers, requestJSON, sessionUrl } from './http.js';
import { Sender } from './sender.js';

/** @import { Carrier, CarrierCalls, Pass } from '../carrier.js' */
/** @import { ServerMessage } from '../messages.js' */

/** How long the server holds a request that it has nothing for. */
const WAIT_S = 25;
/** What the way may add to that. */
const GRACE_MS = 10_000;
/** Pauses before a request that failed is tried again. */
const RETRY_MS = [300, 1000];

/**
 * Carries a session over long polls: requests that the server answers when it
 * has something, and others for what the client says. The polls themselves
 * are the heartbeat.
 *
 * @param {Pass} pass
 * @param {CarrierCalls} calls
 * @returns {Carrier}
 */
export function openPoll(pass, calls) {
  const stop = new AbortController();
  let token = pass.resume;
  const sender = new Sender(pass, () => token, calls, stop);

  /**
   * @param {number} wait  seconds
   * @param {string} [access]
   * @returns {Promise<ServerMessage[]>}
   */
  const poll = async (wait, access) => {
    const { messages = [] } = await requestJSON(`${sessionUrl(pass)}?after=${pass.after()}&wait=${wait}s`, {
      headers: { ...headers(token, access), Accept: 'application/json' },
    }, { signal: stop.signal, timeoutMs: wait * 1000 + GRACE_MS });
    return messages;
  };
  /** @param {ServerMessage[]} messages */
  const handOn = (messages) => {
    for (const message of messages) {
      if (stop.signal.aborted) return;
      if (message.welcome?.resume) token = message.welcome.resume;
      calls.message(message);
    }
  };
  const read = async () => {
    // The first one waits for nothing. There is no welcome in it when an
    // earlier poll of this session was the last to hold it: we go on from there.
    const first = await poll(0, pass.access);
    handOn(first.some(({ welcome }) => welcome) ? first : [{ welcome: { resumed: true } }, ...first]);
    for (let failed = 0; !stop.signal.aborted;) {
      try {
        handOn(await poll(WAIT_S));
        failed = 0;
      } catch (error) {
        const pause = RETRY_MS[failed++];
        if (pause === undefined || !isNetwork(asHirobaError(error, 'INTERNAL', `${error}`))) throw error;
        await sleep(pause, stop.signal);
      }
    }
  };
  read().catch((error) => {
    if (stop.signal.aborted) return;
    stop.abort();
    calls.closed(asHirobaError(error, 'LINK_LOST', `Reading from the server failed: ${error}`));
  });

  return {
    silent: false,
    send: (texts) => sender.send(texts),
    close: () => stop.abort(),
  };
}
