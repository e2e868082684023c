/** @typedef {import('/sdk/hiroba.js').HirobaErrorCode} HirobaErrorCode */

/**
 * Why one does not get in, and what to do next.
 *
 * @typedef {object} Refusal
 * @property {string} code for programs
 * @property {string} what
 * @property {string} next '' when `what` says all
 */

/** @type {Partial<Record<HirobaErrorCode, [what: string, next: string]>>} */
const WORDS = {
  ACCESS_REQUIRED: ['This room needs an invitation.', 'Open the link that you were sent, once more and all of it.'],
  ACCESS_DENIED: ['This invitation is not valid here.', 'It may be for another room, or a part of the link is missing. Ask for a new one.'],
  ACCESS_EXPIRED: ['This invitation has expired.', 'Ask for a new link.'],
  BANNED: ['You cannot come in for now.', 'A moderator removed you for a while. Try again later.'],
  ROOM_LOCKED: ['The room is locked.', 'Ask somebody inside to unlock it, then try again.'],
  REFUSED: ['You were not let in.', 'A moderator turned you away.'],
  ROOM_FULL: ['The room is full.', 'Try again when somebody has left.'],
  NOT_GRANTED: ['Your invitation does not allow this.', 'Ask for one with more rights.'],
};

/**
 * What went wrong with joining, in the words of this page, or else the SDK's.
 *
 * @param {unknown} error
 * @returns {Refusal}
 */
export function refusal(error) {
  const { code = '', message = String(error) } = /** @type {{code?: HirobaErrorCode, message?: string}} */ (Object(error));
  const [what, next] = (code && WORDS[code]) || [message, ''];
  return { code, what, next };
}
