/**
 * Waits, without a clock of its own to be forgotten: it goes with the signal.
 *
 * @param {number} ms
 * @param {AbortSignal} signal  ends it early
 * @returns {Promise<void>} resolves in either case
 */
export function sleep(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
