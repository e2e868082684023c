import { asHirobaError, HirobaError } from '../errors.js';
import { EventStreamParser } from './event-stream.js';
import { headers, refusal, sessionUrl, unreachable } from './http.js';
import { Sender } from './sender.js';

/** @import { Carrier, CarrierCalls, Pass } from '../carrier.js' */

/** The server sends a comment every 15 seconds: two and a half of those. */
const SILENCE_MS = 37_500;

/**
 * Carries a session over an event stream (SSE), and requests for what the
 * client says.
 *
 * @param {Pass} pass
 * @param {CarrierCalls} calls
 * @returns {Carrier}
 */
export function openEventStream(pass, calls) {
  const stop = new AbortController();
  let token = pass.resume;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let watchdog;

  /** @param {HirobaError} error */
  const fail = (error) => {
    clearTimeout(watchdog);
    if (stop.signal.aborted) return;
    stop.abort();
    calls.closed(error);
  };
  const heard = () => {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => fail(lost('nothing came for too long')), SILENCE_MS);
  };
  stop.signal.addEventListener('abort', () => clearTimeout(watchdog));
  const sender = new Sender(pass, () => token, calls, stop);

  const read = async () => {
    const response = await fetch(`${sessionUrl(pass)}?after=${pass.after()}`, {
      cache: 'no-store',
      headers: { ...headers(pass.resume, pass.access), Accept: 'text/event-stream' },
      signal: stop.signal,
    });
    if (!response.ok) throw await refusal(response);
    if (!response.body || !response.headers.get('Content-Type')?.startsWith('text/event-stream')) {
      throw unreachable(pass.url, 'the answer is no event stream');
    }
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (stop.signal.aborted) return;
      if (done) throw lost('the stream ended');
      heard();
      for (const { data } of parser.push(decoder.decode(value, { stream: true }))) {
        const message = JSON.parse(data);
        if (message.welcome?.resume) token = message.welcome.resume;
        calls.message(message);
        if (stop.signal.aborted) return;
      }
    }
  };
  heard();
  read().catch((error) => fail(error instanceof SyntaxError
    ? new HirobaError('MALFORMED', `What answers at ${new URL(pass.url).host} does not speak Hiroba's protocol.`)
    : asHirobaError(error, 'LINK_LOST', `The event stream from the server broke: ${error}.`)));

  return {
    silent: true,
    send: (texts) => sender.send(texts),
    close: () => stop.abort(),
  };
}

/** @param {string} why */
function lost(why) {
  return new HirobaError('LINK_LOST', `The event stream from the server broke: ${why}.`, { retry: true });
}
