import { asHirobaError } from './errors.js';
import { sleep } from './sleep.js';

/** @import { HirobaError } from './errors.js' */

/**
 * @typedef {object} Renewal
 * @property {() => Promise<string>} fresh  asks the application; '' when it gives no other token
 * @property {(token: string) => Promise<void>} show  shows it to the server
 * @property {(error: HirobaError) => void} failed  told once
 * @property {number} expiresMs  Unix milliseconds
 * @property {AbortSignal} signal  ends it
 */

const PAUSE_MS = 5000;

/**
 * Gets a fresh access token and shows it to the server, again and again until
 * the old one has expired. Does nothing where the application gives its token
 * as a text: it hears `access-expiring` and may act by itself.
 *
 * @param {Renewal} renewal
 */
export async function renewAccess({ fresh, show, failed, expiresMs, signal }) {
  for (let told = false; !signal.aborted;) {
    try {
      const token = await fresh();
      if (token) await show(token);
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asHirobaError(thrown, 'ACCESS_REQUIRED', `The application could not get an access token: ${thrown}`);
      if (!told) failed(error);
      told = true;
      if (Date.now() + PAUSE_MS >= expiresMs || !error.retry) return;
    }
    await sleep(PAUSE_MS, signal);
  }
}
