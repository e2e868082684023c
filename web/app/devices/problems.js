/**
 * Why there is no camera or microphone, in words for the person in front of
 * it: what happened, and what to do next.
 *
 * @typedef {object} Problem
 * @property {'insecure' | 'denied' | 'missing' | 'busy' | 'unplugged' | 'failed'} code
 * @property {string} what
 * @property {string} next
 * @property {boolean} retry asking again may help
 */

/** @typedef {'camera' | 'microphone'} Kind */

/**
 * Browsers hide the devices from pages that came over plain http.
 *
 * @returns {Problem}
 */
export function insecure() {
  return {
    code: 'insecure',
    what: 'Over plain http, a page gets no camera and no microphone.',
    next: 'Open it with https://, or on http://localhost. You can join without: see, hear and write.',
    retry: false,
  };
}

/**
 * The device was there and is gone.
 *
 * @param {Kind} kind
 * @returns {Problem}
 */
export function unplugged(kind) {
  return {
    code: 'unplugged',
    what: `Your ${kind} stopped.`,
    next: 'Check that it is plugged in, then try again.',
    retry: true,
  };
}

/**
 * What an error of getUserMedia means (Media Capture and Streams, section 10.2).
 *
 * @param {Kind} kind
 * @param {unknown} error
 * @returns {Problem}
 */
export function explain(kind, error) {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return {
        code: 'denied',
        what: `The browser may not use your ${kind}.`,
        next: 'Allow it beside the address at the top of the window, then try again.',
        retry: true,
      };
    case 'NotFoundError':
    case 'OverconstrainedError':
      return {
        code: 'missing',
        what: `No ${kind} was found.`,
        next: 'Plug one in, or join without.',
        retry: true,
      };
    case 'NotReadableError':
    case 'AbortError':
      return {
        code: 'busy',
        what: `Your ${kind} does not start.`,
        next: 'Another program may be using it. Close that one, then try again.',
        retry: true,
      };
    default:
      return {
        code: 'failed',
        what: `Your ${kind} does not work: ${error instanceof Error ? error.message : String(error)}`,
        next: 'Try again, or choose another one.',
        retry: true,
      };
  }
}

/** What is said when both devices have the same problem. */
const BOTH = {
  insecure: insecure().what,
  denied: 'The browser may not use your camera and microphone.',
  missing: 'No camera and no microphone were found.',
  busy: 'Your camera and microphone do not start.',
  unplugged: 'Your camera and microphone stopped.',
  failed: 'Your camera and microphone do not work.',
};

/**
 * The one problem to speak of when there may be two.
 *
 * @param {Problem | null} camera
 * @param {Problem | null} microphone
 * @returns {Problem | null}
 */
export function together(camera, microphone) {
  if (!camera || !microphone) return camera ?? microphone;
  if (camera.code === microphone.code) return { ...camera, what: BOTH[camera.code] };
  return { ...camera, what: `${camera.what} ${microphone.what}` };
}
