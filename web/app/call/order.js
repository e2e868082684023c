/**
 * Who gets the tiles when there are more people than tiles. Those who are
 * shown keep their places, so that faces do not jump about; somebody who
 * speaks up takes the place of whoever has been silent for longest.
 *
 * @param {readonly string[]} everybody in the order in which they came
 * @param {readonly string[]} shown those with a tile now, in place
 * @param {number} places how many there are
 * @param {ReadonlyMap<string, number>} spoke when each spoke last; left out: never
 * @returns {string[]} who has a tile now, in place
 */
export function choose(everybody, shown, places, spoke) {
  const present = new Set(everybody);
  const when = (/** @type {string} */ id) => spoke.get(id) ?? 0;

  const seats = shown.filter((id) => present.has(id));
  while (seats.length > places) seats.splice(quietest(seats, when), 1);

  const waiting = everybody.filter((id) => !seats.includes(id));
  seats.push(...waiting.splice(0, places - seats.length));

  for (const id of waiting.sort((a, b) => when(b) - when(a))) {
    const seat = quietest(seats, when);
    const holder = seats[seat];
    if (holder === undefined || when(holder) >= when(id)) break;
    seats[seat] = id;
  }
  return seats;
}

/**
 * The seat of whoever spoke longest ago; of equals, the last.
 *
 * @param {readonly string[]} seats
 * @param {(id: string) => number} when
 */
function quietest(seats, when) {
  return seats.reduce((found, id, seat) => (when(id) <= when(seats[found] ?? id) ? seat : found), 0);
}
