import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Attendance } from '../call/attendance.js';

/**
 * What is told of somebody to whom this happens, one after the other.
 *
 * @param {('join' | 'away' | 'back' | import('/sdk/hiroba.js').LeftReason)[]} events
 * @param {boolean} [away] already when we come
 */
function told(events, away = false) {
  /** @type {string[]} */
  const texts = [];
  const peer = /** @type {any} */ ({ id: 'p1', name: 'Bo', away });
  const attendance = new Attendance(events[0] === 'join' ? [] : [peer], (name, did) => texts.push(`${name} ${did}`));
  for (const event of events) {
    if (event === 'join') attendance.joined(peer);
    else if (event === 'away' || event === 'back') attendance.updated(Object.assign(peer, { away: event === 'away' }));
    else attendance.left(peer, event);
  }
  return texts;
}

for (const { name, events, away, want } of /** @type {{name: string, events: Parameters<typeof told>[0], away?: boolean, want: string[]}[]} */ ([
  { name: 'comes and goes', events: ['join', 'LEFT'], want: ['Bo joined', 'Bo left'] },
  { name: 'is lost at once', events: ['LOST'], want: ['Bo lost the connection'] },
  { name: 'is away and comes back', events: ['away', 'back'], want: ['Bo lost the connection', 'Bo is back'] },
  { name: 'is away and lost then', events: ['away', 'LOST'], want: ['Bo lost the connection'] },
  { name: 'is away and closed then', events: ['away', 'CLOSED'], want: ['Bo lost the connection'] },
  { name: 'is away, back, and leaves', events: ['away', 'back', 'LEFT'], want: ['Bo lost the connection', 'Bo is back', 'Bo left'] },
  { name: 'was away before we came, and leaves', events: ['LOST'], away: true, want: [] },
  { name: 'was away before we came, and is back', events: ['back'], away: true, want: ['Bo is back'] },
  { name: 'is removed', events: ['REMOVED'], want: ['Bo was removed'] },
  { name: 'is removed while away', events: ['away', 'REMOVED'], want: ['Bo lost the connection', 'Bo was removed'] },
  { name: 'changes something else', events: ['back', 'back'], want: [] },
])) {
  test(`attendance: ${name}`, () => assert.deepEqual(told(events, away), want));
}
