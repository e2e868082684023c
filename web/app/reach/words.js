/** @typedef {import('/sdk/hiroba.js').Leg} Leg */
/** @typedef {import('/sdk/hiroba.js').LegResult} LegResult */

/** What each leg is, for people. @type {Record<Leg, string>} */
export const TITLES = {
  http: 'Reaching the server',
  websocket: 'Live connection (WebSocket)',
  sse: 'Event stream',
  'long-poll': 'Polling',
  'stun-udp': 'Finding your address (STUN)',
  'media-udp': 'Sound and picture over UDP',
  'ice-tcp': 'Sound and picture over TCP',
  'turn-udp': 'Relay over UDP',
  'turn-tcp': 'Relay over TCP',
  'turn-tls': 'Relay over TLS',
};

/** What became of a leg. @type {Record<LegResult['state'], string>} */
export const STATES = { works: 'Works', fails: 'Does not work', 'not-offered': 'Not offered', 'not-tried': 'Not tried' };

/** What to do when a leg does not work, for who can do something. @type {Record<Leg, string>} */
const ADVICE = {
  http: 'The server does not answer as it should. Check your connection, or ask whoever runs the server.',
  websocket: 'Something between here and the server does not let WebSockets through, often a proxy. Calls use one of the next two instead.',
  sse: 'Something between here and the server holds back what should come at once, often a proxy. Calls use polling instead when they must.',
  'long-poll': 'Something between here and the server changes plain requests, often a proxy or a filter.',
  'stun-udp': 'This network, or the server’s firewall, lets no UDP through. It is open when the server’s UDP port is.',
  'media-udp': 'This network, or the server’s firewall, lets no UDP through to the server. Ask for the server’s UDP port to be opened; the server’s `advertise` has to be the address that it is reached at.',
  'ice-tcp': 'The server’s own TCP port is not open from here. That matters only where UDP is blocked.',
  'turn-udp': 'The relay is not reached over UDP. That matters only where two people are to be connected directly.',
  'turn-tcp': 'The relay’s TCP port is not open from here. That matters only where UDP is blocked.',
  'turn-tls': 'The relay is not reached over TLS: its port is not open from here, or its certificate is not good for this name. That matters where everything but the web is blocked.',
};

const REFUSED = 'The relay refuses what the server handed out. Whoever runs the server should look at `turn.secret`, and at its clock.';
const NOT_IN = 'You were not let in. Open the link that you were sent, once more and all of it.';
const FULL = 'The server is full. Try again later.';

/**
 * What to do about a leg; '' when there is nothing to do.
 *
 * @param {LegResult} result
 */
export function advice({ leg, state, cause }) {
  if (state !== 'fails') return '';
  if (cause === 'full') return FULL;
  if (cause === 'refused') return leg.startsWith('turn-') ? REFUSED : NOT_IN;
  return ADVICE[leg];
}

/**
 * What all of it means, in a sentence or two.
 *
 * @param {LegResult[]} results
 * @returns {{good: boolean, text: string}}
 */
export function verdict(results) {
  const works = (/** @type {Leg[]} */ ...legs) => results.some(({ leg, state }) => state === 'works' && legs.includes(leg));
  if (!works('websocket', 'sse', 'long-poll')) return { good: false, text: 'Calls do not work from here: the server cannot be talked to.' };
  if (works('media-udp')) {
    const good = results.every(({ state }) => state !== 'fails');
    return { good, text: good ? 'Everything works. Calls are as good as your connection.' : 'Calls work well from here. Not every other way does; that matters only on networks where this one is blocked.' };
  }
  if (works('ice-tcp', 'turn-tcp', 'turn-tls', 'turn-udp')) return { good: false, text: 'Calls work from here, with more delay: sound and picture do not get through over UDP.' };
  return { good: false, text: 'Calls do not work from here: no way for sound and picture gets through.' };
}

/**
 * How long a leg took.
 *
 * @param {number} ms
 */
export function duration(ms) {
  if (ms <= 0) return '';
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(1)} s`;
}
