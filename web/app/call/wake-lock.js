/**
 * Keeps the screen of a phone on, where the browser can, until the signal is
 * aborted. A lock ends when the page is hidden, and is taken again after.
 *
 * @param {AbortSignal} signal
 */
export function keepAwake(signal) {
  if (!('wakeLock' in navigator)) return;
  const take = async () => {
    if (document.hidden || signal.aborted) return;
    try {
      const lock = await navigator.wakeLock.request('screen');
      if (signal.aborted) await lock.release();
      else signal.addEventListener('abort', () => void lock.release(), { once: true });
    } catch {
      // Refused, on a low battery for instance: then the screen goes dark.
    }
  };
  document.addEventListener('visibilitychange', take, { signal });
  void take();
}
