/** @typedef {import('/sdk/hiroba.js').Room} Room */
/** @typedef {import('/sdk/hiroba.js').RoomSettings} RoomSettings */
/** @typedef {import('./menu.js').MenuItem} MenuItem */
/** @typedef {import('./people.js').Person} Person */

/**
 * Whether a peer may moderate the room.
 *
 * @param {{grants: readonly string[]}} peer
 */
export function moderates({ grants }) {
  return grants.includes('admin');
}

/**
 * What a moderator can do with somebody: nothing with themselves.
 *
 * @param {Person} person
 * @returns {MenuItem[]}
 */
export function menuFor({ self, away, microphone, camera, sharing, moderator }) {
  if (self) return [];
  /** @type {(MenuItem | false)[]} */
  const items = [
    !away && { id: 'write', label: 'Write privately', icon: 'chat' },
    microphone && { id: 'mute', label: 'Mute', icon: 'microphone-off' },
    camera && { id: 'hide', label: 'Turn camera off', icon: 'camera-off' },
    sharing && { id: 'unshare', label: 'Stop sharing', icon: 'screen' },
    moderator
      ? { id: 'demote', label: 'No longer a moderator', icon: 'shield' }
      : { id: 'promote', label: 'Make moderator', icon: 'shield' },
    { id: 'remove', label: 'Remove…', icon: 'leave', danger: true },
  ];
  return items.filter((item) => item !== false);
}

/**
 * What a moderator can do with the room.
 *
 * @param {Pick<RoomSettings, 'locked' | 'lobby'>} settings
 * @returns {MenuItem[]}
 */
export function menuForRoom({ locked, lobby }) {
  return [
    { id: 'lock', label: 'Lock the room', icon: 'lock', on: locked },
    { id: 'lobby', label: 'Ask before letting in', icon: 'door', on: lobby },
    { id: 'end', label: 'End for everybody…', icon: 'leave', danger: true },
  ];
}
