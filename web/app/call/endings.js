/**
 * How a call ended, as it is told afterwards.
 *
 * @typedef {object} Ending
 * @property {string} code 'LEFT', or the error code that ended it
 * @property {string} title
 * @property {string} text
 * @property {string} again how to come back, on a button; '' when there is no way
 */

/**
 * @param {string} code 'LEFT', or the error code that ended the room for us
 * @param {string} room its name
 * @param {boolean} [ours] we did it ourselves
 * @returns {Ending | null} null for what is no proper end
 */
export function ending(code, room, ours = false) {
  switch (code) {
    case 'LEFT':
      return { code, title: `You left ${room}`, text: '', again: 'Rejoin' };
    case 'REMOVED':
    case 'BANNED':
      return { code, title: 'You were removed', text: `A moderator took you out of ${room}.`, again: 'Rejoin' };
    case 'ROOM_ENDED':
      return ours
        ? { code, title: 'You ended the call', text: `${room} is over for everybody.`, again: '' }
        : { code, title: 'The call has ended', text: `A moderator ended ${room} for everybody.`, again: '' };
    case 'ACCESS_EXPIRED':
      return { code, title: 'Your time here is up', text: `Your invitation to ${room} has expired. Ask for a new link to come back.`, again: '' };
    default:
      return null;
  }
}
