import { HirobaError, serverError } from '../errors.js';

/** @import { Pass } from '../carrier.js' */
/** @import * as wire from '../messages.js' */

/** How long one request may take. */
const TIMEOUT_MS = 10_000;

/**
 * The address of a session.
 *
 * @param {Pass} pass
 */
export function sessionUrl({ url, session }) {
  return `${url}/${encodeURIComponent(session)}`;
}

/**
 * The headers by which a session is read.
 *
 * @param {string} resume
 * @param {string} [access]
 * @returns {Record<string, string>}
 */
export function headers(resume, access) {
  return { Authorization: `Bearer ${resume}`, ...(access ? { 'Hiroba-Access': access } : {}) };
}

/**
 * Opens a session.
 *
 * @param {string} url  of /v1/signal
 * @param {string} access  access token, or ''
 * @param {AbortSignal} signal
 * @returns {Promise<wire.Welcome>}
 */
export async function openSession(url, access, signal) {
  const message = await requestJSON(url, {
    method: 'POST',
    headers: access ? { Authorization: `Bearer ${access}` } : {},
  }, { signal });
  if (message.welcome) return message.welcome;
  throw message.error ? serverError(message.error) : unreachable(url, 'it does not speak Hiroba\'s protocol');
}

/**
 * Ends a session, even while the page goes away.
 *
 * @param {Pass} pass
 */
export function deleteSession(pass) {
  // Nobody is left to hear that it failed; the session then ends by itself.
  fetch(sessionUrl(pass), { method: 'DELETE', keepalive: true, headers: headers(pass.resume) }).catch(() => {});
}

/**
 * Sends a request and reads its answer as JSON.
 *
 * @param {string} url
 * @param {RequestInit} init
 * @param {{signal: AbortSignal, timeoutMs?: number}} bounds
 * @returns {Promise<any>} an object; rejects with HirobaError: the server's word, or UNREACHABLE
 */
export async function requestJSON(url, init, { signal, timeoutMs = TIMEOUT_MS }) {
  const stop = new AbortController();
  const abort = () => stop.abort();
  const timer = setTimeout(abort, timeoutMs);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    const response = await fetch(url, { cache: 'no-store', ...init, signal: stop.signal });
    if (!response.ok) throw await refusal(response);
    const body = await response.json();
    if (typeof body === 'object' && body) return body;
    throw unreachable(url, 'it does not speak Hiroba\'s protocol');
  } catch (error) {
    throw error instanceof HirobaError ? error : unreachable(url, stop.signal.aborted ? 'it did not answer in time' : '', error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

/**
 * What a response that is not OK means. Only what our server says is its word;
 * anything else comes from something between.
 *
 * @param {Response} response
 * @returns {Promise<HirobaError>}
 */
export async function refusal(response) {
  const retryAfterMs = Number(response.headers.get('Retry-After') ?? 0) * 1000 || 0;
  /** @type {wire.Error | undefined} */
  const error = await response.json().then((body) => body?.error, () => undefined);
  if (error && typeof error === 'object' && error.code) return serverError(error, retryAfterMs);
  if (response.status === 410) {
    return new HirobaError('NO_SUCH_SESSION', 'The server does not know this session any more. Join again.', { retry: true });
  }
  return unreachable(response.url, `the answer was ${response.status}`);
}

/**
 * @param {string} url
 * @param {string} [why]
 * @param {unknown} [cause]
 */
export function unreachable(url, why, cause) {
  const host = URL.canParse(url) ? new URL(url).host : url;
  return new HirobaError('UNREACHABLE', `The server at ${host} cannot be reached${why ? ` (${why})` : ''}. `
    + 'Check your connection and that the server runs, then try again.', { retry: true, cause });
}
