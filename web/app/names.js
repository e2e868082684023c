/**
 * The letters on an avatar: the first of the first and of the last word.
 *
 * @param {string} name
 */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const first = firstLetter(words[0] ?? '');
  const last = words.length > 1 ? firstLetter(words.at(-1) ?? '') : '';
  return (first + last).toUpperCase() || '?';
}

/**
 * One letter as a reader counts them: an emoji of several code points is one.
 *
 * @param {string} word
 */
function firstLetter(word) {
  for (const { segment } of new Intl.Segmenter().segment(word)) return segment;
  return '';
}

/**
 * A hue for a name, always the same one, in degrees. FNV-1a, for its spread
 * over short strings.
 *
 * @param {string} name
 */
export function hue(name) {
  let hash = 0x811c9dc5;
  for (const character of name) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash % 360;
}

/** What to call somebody who gave no name. */
export const NAMELESS = 'Guest';

const MOODS = [
  'amber', 'bright', 'calm', 'early', 'gentle', 'golden', 'green', 'happy', 'little', 'lively',
  'mellow', 'open', 'quiet', 'silver', 'sunny', 'warm',
];
const PLACES = [
  'arcade', 'bridge', 'corner', 'court', 'fountain', 'garden', 'harbour', 'lane', 'market', 'meadow',
  'orchard', 'park', 'plaza', 'quay', 'square', 'terrace',
];

/** A room name that can be said on the phone and is hard to hit by chance. */
export function inventRoom() {
  const [mood = 0, place = 0, number = 0] = crypto.getRandomValues(new Uint16Array(3));
  return `${MOODS[mood % MOODS.length]}-${PLACES[place % PLACES.length]}-${1000 + (number % 9000)}`;
}

/**
 * Makes of what was typed what a room may be called: letters and digits of
 * any script, '-', '_' and '.', at most 64, with no '.' at the front.
 *
 * @param {string} typed
 */
export function roomName(typed) {
  const name = typed.trim().replace(/\s+/gu, '-').replace(/[^\p{L}\p{M}\p{Nd}\-_.]/gu, '').replace(/^\.+/u, '');
  return [...name].slice(0, 64).join('');
}
