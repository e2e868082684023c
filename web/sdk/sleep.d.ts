/**
 * Waits, without a clock of its own to be forgotten: it goes with the signal.
 *
 * @param {number} ms
 * @param {AbortSignal} signal  ends it early
 * @returns {Promise<void>} resolves in either case
 */
export function sleep(ms: number, signal: AbortSignal): Promise<void>;
