/**
 * A look at what gets through between this browser and a server.
 */

import { asHirobaError, HirobaError } from './errors.js';
import { connectsToSFU, findsAddress, relays } from './diagnosis-media.js';
import { Link } from './link.js';

/** @import { TransportName } from './carrier.js' */
/** @import { TokenSource } from './credentials.js' */
/** @import { IceServer } from './messages.js' */

/**
 * One thing that is tried. The names are those of `hiroba doctor`; a browser
 * cannot try TURN over DTLS.
 *
 * @typedef {'http' | 'websocket' | 'sse' | 'long-poll' | 'stun-udp' | 'media-udp' | 'ice-tcp'
 *   | 'turn-udp' | 'turn-tcp' | 'turn-tls'} Leg
 */

/**
 * Why a leg fails, as far as a browser can tell: `silent`: nothing came in
 * time; `refused`: the server said no to the credentials or the token; `full`:
 * the server is; `answer`: something else answers.
 *
 * @typedef {'silent' | 'refused' | 'full' | 'answer'} LegCause
 */

/**
 * @typedef {object} LegResult
 * @property {Leg} leg
 * @property {'works' | 'fails' | 'not-offered' | 'not-tried'} state
 * @property {number} ms  how long it took until it worked, or failed
 * @property {LegCause} [cause]
 * @property {string} detail  for who runs the server; what was tried, or went wrong
 */

/**
 * @typedef {object} DiagnoseOptions
 * @property {string} [url]  the server; this page's own unless told
 * @property {TokenSource} [token]  access token, where one is needed
 * @property {string} [room]  where media is tried; left out, where nobody else is. A token may be good for one only
 * @property {number} [timeoutMs]  how long each leg may take; 8 seconds
 * @property {AbortSignal} [signal]  gives up
 * @property {(result: LegResult) => void} [tell]  is told of each leg as soon as it is known
 */

/** All legs, in the order in which they are best shown. @type {readonly Leg[]} */
export const LEGS = ['http', 'websocket', 'sse', 'long-poll', 'stun-udp', 'media-udp', 'ice-tcp', 'turn-udp', 'turn-tcp', 'turn-tls'];

const TIMEOUT_MS = 8000;

/** @type {[Leg, TransportName][]} */
const SIGNALING = [['websocket', 'websocket'], ['sse', 'sse'], ['long-poll', 'poll']];

/** What the URL of each relay looks like (RFC 7065). @type {[Leg, RegExp][]} */
const RELAYS = [['turn-udp', /^turn:.*[?&]transport=udp/], ['turn-tcp', /^turn:.*[?&]transport=tcp/], ['turn-tls', /^turns:.*[?&]transport=tcp/]];

/**
 * Tries each way to the server.
 *
 * @param {DiagnoseOptions} [options]
 * @returns {Promise<LegResult[]>} in the order of LEGS; rejects only when `signal` is aborted
 */
export async function diagnose(options = {}) {
  const { url = location.origin, token = '', timeoutMs = TIMEOUT_MS, signal, tell = () => {} } = options;
  const room = options.room ?? `test-${crypto.randomUUID().slice(0, 8)}`;
  /** @type {LegResult[]} */
  const results = [];
  const note = (/** @type {LegResult} */ result) => {
    if (signal?.aborted) return;
    results.push(result);
    tell(result);
  };
  const attempt = (/** @type {Leg} */ leg, /** @type {(signal: AbortSignal) => Promise<string>} */ run) => attemptLeg(leg, run, { timeoutMs, signal }).then(note);
  const skip = (/** @type {'not-offered' | 'not-tried'} */ state, /** @type {string} */ detail, /** @type {Leg[]} */ ...legs) => {
    for (const leg of legs) note({ leg, state, ms: 0, detail });
  };

  const web = attempt('http', (bound) => answers(url, bound));
  /** @type {(link: Link | null) => void} */
  let found = () => {};
  /** @type {Promise<Link | null>} */
  const first = new Promise((resolve) => { found = resolve; });
  let taken = false;
  const tries = SIGNALING.map(([leg, transport]) => attempt(leg, async (bound) => {
    const link = await Link.open(url, { token, transports: [transport], signal: bound });
    if (taken) link.close();
    taken = true;
    found(link);
    return transport;
  }));
  void Promise.all(tries).then(() => found(null));
  const link = await first;
  if (!link) {
    skip('not-tried', 'no session could be opened, which tells where it is', 'stun-udp', 'media-udp', 'ice-tcp', ...RELAYS.map(([leg]) => leg));
  } else {
    const servers = link.welcome.iceServers ?? [];
    const { transport } = link;
    const opened = () => Link.open(url, { token, transports: transport ? [transport] : undefined });
    const legs = [
      attempt('media-udp', (bound) => connectsToSFU(opened, room, 'udp', bound)),
      attempt('ice-tcp', (bound) => connectsToSFU(opened, room, 'tcp', bound)),
    ];
    const stun = urlsLike(servers, /^stun:/)[0];
    if (stun) legs.push(attempt('stun-udp', (bound) => findsAddress(stun, bound)));
    else skip('not-offered', '', 'stun-udp');
    for (const [leg, like] of RELAYS) {
      if (urlsLike(servers, like).length > 0) legs.push(attempt(leg, (bound) => relaysFor(opened, like, bound)));
      else skip('not-offered', '', leg);
    }
    await Promise.all(legs);
    link.close();
  }
  await Promise.all([web, ...tries]);
  if (signal?.aborted) throw new HirobaError('CLOSED', 'The test was given up.');
  return results.sort((a, b) => LEGS.indexOf(a.leg) - LEGS.indexOf(b.leg));
}

/**
 * Runs a leg within its time.
 *
 * @param {Leg} leg
 * @param {(signal: AbortSignal) => Promise<string>} run  what it was, in a few words
 * @param {{timeoutMs: number, signal?: AbortSignal}} bounds
 * @returns {Promise<LegResult>}
 */
async function attemptLeg(leg, run, { timeoutMs, signal }) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  const timer = setTimeout(abort, timeoutMs);
  signal?.addEventListener('abort', abort);
  if (signal?.aborted) abort();
  const began = performance.now();
  const took = () => Math.round(performance.now() - began);
  try {
    return { leg, state: 'works', detail: await run(stop.signal), ms: took() };
  } catch (thrown) {
    const error = asHirobaError(thrown, 'INTERNAL', String(thrown));
    if (error.code === 'UNSUPPORTED') return { leg, state: 'not-offered', ms: 0, detail: error.message };
    return { leg, state: 'fails', ms: took(), cause: stop.signal.aborted && error.code !== 'ROOM_FULL' ? 'silent' : causeOf(error), detail: error.message };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    abort(); // what the leg still holds
  }
}

/**
 * Tries a relay with credentials of its own: a browser makes an allocation from
 * each of its networks, and the server gives only so many to one user.
 *
 * @param {() => Promise<Link>} open
 * @param {RegExp} like
 * @param {AbortSignal} signal
 */
async function relaysFor(open, like, signal) {
  const link = await open();
  try {
    const [server] = urlsLike(link.welcome.iceServers ?? [], like);
    if (!server) throw new HirobaError('UNSUPPORTED', 'The server offers none.');
    return await relays(server, signal);
  } finally {
    link.close();
  }
}

/**
 * @param {HirobaError} error
 * @returns {LegCause}
 */
export function causeOf({ code }) {
  if (code.startsWith('ACCESS_') || code === 'NOT_GRANTED' || code === 'REFUSED' || code === 'ROOM_LOCKED') return 'refused';
  if (code === 'ROOM_FULL' || code.startsWith('TOO_MANY_')) return 'full';
  return code === 'TIMEOUT' || code === 'MEDIA_UNREACHABLE' ? 'silent' : 'answer';
}

/**
 * @param {string} url
 * @param {AbortSignal} signal
 */
async function answers(url, signal) {
  const at = new URL(url);
  at.pathname = `${at.pathname.replace(/\/+$/, '')}/healthz`;
  const response = await fetch(at, { cache: 'no-store', signal });
  const text = await response.text();
  if (!response.ok || text !== 'ok\n') throw new HirobaError('UNREACHABLE', `The answer was ${response.status}.`);
  return at.host;
}

/**
 * The servers of one kind, each with one URL.
 *
 * @param {IceServer[]} servers
 * @param {RegExp} like
 * @returns {RTCIceServer[]}
 */
export function urlsLike(servers, like) {
  return servers.flatMap(({ urls = [], username, credential }) =>
    urls.filter((url) => like.test(url)).map((url) => (username ? { urls: url, username, credential } : { urls: url })));
}
