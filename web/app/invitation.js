/**
 * What came with the address after `#token=`: an access token, and what it
 * says. Only the server can tell whether it is good; here it spares the person
 * questions that it has answered.
 *
 * @typedef {object} Invitation
 * @property {string} token a secret
 * @property {string} name what it calls us; '' leaves that to us
 * @property {(source: string) => boolean} allows whether we may send this, such as `camera`
 */

/** For who comes without. @type {Invitation} */
export const UNINVITED = { token: '', name: '', allows: () => true };

/**
 * Takes the token out of the address, so that nobody sees it there, copies it
 * along, or finds it in the history.
 *
 * @param {Pick<Location, 'hash' | 'pathname' | 'search'>} location
 * @param {Pick<History, 'replaceState' | 'state'>} history
 * @returns {Invitation | null} null when there is none
 */
export function takeInvitation(location, history) {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  if (token === null) return null;
  history.replaceState(history.state, '', location.pathname + location.search);
  return token ? readInvitation(token) : null;
}

/**
 * Reads what an access token (docs/access.md) says of who has it.
 *
 * @param {string} token
 * @returns {Invitation}
 */
export function readInvitation(token) {
  const { name, grants, sources } = claimsOf(token);
  const publishes = !Array.isArray(grants) || grants.includes('publish');
  return {
    token,
    name: typeof name === 'string' ? name : '',
    allows: (source) => publishes && (!Array.isArray(sources) || sources.includes(source)),
  };
}

/**
 * @param {string} token
 * @returns {Record<string, unknown>} nothing, of what is no token; the server will say so
 */
function claimsOf(token) {
  try {
    const part = (token.split('.')[1] ?? '').replace(/-/gu, '+').replace(/_/gu, '/');
    const bytes = Uint8Array.from(atob(part), (character) => character.charCodeAt(0));
    return Object(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return {};
  }
}
