/**
 * The address of a session.
 *
 * @param {Pass} pass
 */
export function sessionUrl({ url, session }: Pass): string;
/**
 * The headers by which a session is read.
 *
 * @param {string} resume
 * @param {string} [access]
 * @returns {Record<string, string>}
 */
export function headers(resume: string, access?: string): Record<string, string>;
/**
 * Opens a session.
 *
 * @param {string} url  of /v1/signal
 * @param {string} access  access token, or ''
 * @param {AbortSignal} signal
 * @returns {Promise<wire.Welcome>}
 */
export function openSession(url: string, access: string, signal: AbortSignal): Promise<wire.Welcome>;
/**
 * Ends a session, even while the page goes away.
 *
 * @param {Pass} pass
 */
export function deleteSession(pass: Pass): void;
/**
 * Sends a request and reads its answer as JSON.
 *
 * @param {string} url
 * @param {RequestInit} init
 * @param {{signal: AbortSignal, timeoutMs?: number}} bounds
 * @returns {Promise<any>} an object; rejects with HirobaError: the server's word, or UNREACHABLE
 */
export function requestJSON(url: string, init: RequestInit, { signal, timeoutMs }: {
    signal: AbortSignal;
    timeoutMs?: number;
}): Promise<any>;
/**
 * What a response that is not OK means. Only what our server says is its word;
 * anything else comes from something between.
 *
 * @param {Response} response
 * @returns {Promise<HirobaError>}
 */
export function refusal(response: Response): Promise<HirobaError>;
/**
 * @param {string} url
 * @param {string} [why]
 * @param {unknown} [cause]
 */
export function unreachable(url: string, why?: string, cause?: unknown): HirobaError;
import type { Pass } from '../carrier.js';
import type * as wire from '../messages.js';
import { HirobaError } from '../errors.js';
