/**
 * Where the tiles go. Pure arithmetic on CSS pixels: no element is touched.
 *
 * A camera's picture may be cropped a little, so a tile may have any aspect
 * between two bounds; that is what lets tiles fill windows of any shape. A
 * shared screen is never cropped: it keeps its aspect.
 */

/** @typedef {{x: number, y: number, width: number, height: number}} Box */

/** Between tiles, in pixels. */
export const GAP = 8;

/** What cameras send, mostly. */
const CAMERA = 16 / 9;

/** The widest tile, which shows nine tenths of a 16:9 picture. */
const WIDEST = 2;

/** The narrowest tile, and the narrowest on a phone held upright. */
const NARROWEST = 4 / 3;
const NARROWEST_UPRIGHT = 3 / 4;

/** And when the pictures themselves are upright, as those from phones are. */
const NARROWEST_PICTURE = 1 / 2;

/** Below this a face is a smudge and a name does not fit. */
const SMALLEST = { width: 80, height: 60 };

/** So many faces can be told apart at once, and decoded at once. */
const MOST = 25;

/** Between the floating self-view and the edge. */
const MARGIN = 16;

/** The floating self-view may be at most this share of another tile. */
const FLOATING_SHARE = 1 / 8;

/** A shared screen of this aspect or wider is the usual one. */
const SCREEN = 16 / 9;

/**
 * @typedef {object} Cast who is to be placed
 * @property {number} others tiles that are neither the main one nor our own
 * @property {'camera' | 'screen' | null} main what has the main area, if anything
 * @property {number} [mainAspect] width by height of the shared screen, when known
 * @property {boolean} [mainIsSelf] our own tile is the main one
 * @property {boolean} [upright] the others' pictures are higher than wide
 */

/**
 * @typedef {object} Arrangement
 * @property {Box | null} main
 * @property {Box[]} others as many as fit; fewer than asked for when `more` is set
 * @property {Box | null} more where "+N" goes for those who do not fit
 * @property {Box | null} self null when our own tile is the main one
 * @property {boolean} floating our own tile lies over the others, in a corner
 */

/**
 * Places everybody on a stage of the given size.
 *
 * Our own tile floats while it hides little of anybody else. Among small
 * tiles, beside a main tile, and where a place is free anyway, it is one of
 * the others.
 *
 * @param {number} width
 * @param {number} height
 * @param {Cast} cast
 * @returns {Arrangement}
 */
export function arrange(width, height, cast) {
  const stage = { x: 0, y: 0, width, height };
  const narrowest = width >= height ? NARROWEST : cast.upright ? NARROWEST_PICTURE : NARROWEST_UPRIGHT;
  if (cast.main) return withMain(stage, cast, narrowest);
  if (cast.others === 0) return { main: null, floating: false, ...among(0, stage, narrowest) };

  const apart = grid(Math.min(cast.others, capacity(stage, narrowest)), stage, narrowest);
  const self = floatingBox(stage);
  const tile = apart[0];
  const together = among(cast.others, stage, narrowest);
  const fits = apart.length === cast.others;
  const freePlace = !together.more && tile && together.self && area(together.self) >= area(tile) - 1;
  if (fits && tile && !freePlace && area(self) <= area(tile) * FLOATING_SHARE) {
    return { main: null, others: apart, more: null, self, floating: true };
  }
  return { main: null, floating: false, ...together };
}

/**
 * A main tile, and everybody else beside or below it: whichever makes the
 * main one larger.
 *
 * @param {Box} stage
 * @param {Cast} cast
 * @param {number} narrowest
 * @returns {Arrangement}
 */
function withMain(stage, cast, narrowest) {
  const screen = cast.mainAspect ?? SCREEN;
  const aspect = cast.main === 'screen' ? screen : stage.width < stage.height ? 1 : CAMERA;
  const shape = (/** @type {Box} */ box) => (cast.main === 'screen' ? inside(screen, box) : crop(box, narrowest));
  const rest = cast.others + (cast.mainIsSelf ? 0 : 1);
  if (rest === 0) return { main: shape(stage), others: [], more: null, self: null, floating: false };

  const side = Math.min(clamp(stage.width * 0.2, 112, 300), stage.width / 2);
  const below = Math.min(clamp(stage.height * 0.2, 84, 220), stage.height / 2);
  const beside = { ...stage, width: stage.width - side - GAP };
  const above = { ...stage, height: stage.height - below - GAP };
  let main = beside;
  let others = { ...stage, x: stage.width - side, width: side };
  if (area(inside(aspect, above)) > area(inside(aspect, beside))) {
    // The picture may need less height than there is: the others get it.
    const used = Math.min(above.height, Math.max(stage.width / aspect, stage.height * 0.2));
    main = { ...stage, height: used };
    others = { ...stage, y: used + GAP, height: stage.height - used - GAP };
  }
  const placed = cast.mainIsSelf ? { ...crowd(cast.others, others, narrowest), self: null } : among(cast.others, others, narrowest);
  return { main: shape(main), floating: false, ...placed };
}

/**
 * Everybody in one grid, ourselves last.
 *
 * @param {number} others
 * @param {Box} region
 * @param {number} narrowest
 * @returns {{others: Box[], more: Box | null, self: Box | null}}
 */
function among(others, region, narrowest) {
  const { others: boxes, more } = crowd(others + 1, region, narrowest);
  return { others: boxes.slice(0, -1), more, self: boxes.at(-1) ?? null };
}

/**
 * As many boxes as fit, the last one for "+N" when that is fewer than asked.
 *
 * @param {number} count
 * @param {Box} region
 * @param {number} narrowest
 * @returns {{others: Box[], more: Box | null}}
 */
function crowd(count, region, narrowest) {
  const room = capacity(region, narrowest);
  if (count <= room) return { others: grid(count, region, narrowest), more: null };
  const boxes = grid(room, region, narrowest);
  return { others: boxes.slice(0, -1), more: boxes.at(-1) ?? null };
}

/**
 * The boxes of `count` equal tiles in a region: the number of columns is the
 * one that makes them largest; the last row, when it is not full, is centred.
 *
 * @param {number} count
 * @param {Box} region
 * @param {number} [narrowest] the least width by height of a tile
 * @returns {Box[]}
 */
export function grid(count, region, narrowest = NARROWEST) {
  if (count <= 0 || region.width <= 0 || region.height <= 0) return [];
  let best = { columns: 1, rows: count, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const rows = Math.ceil(count / columns);
    const cell = crop({
      x: 0,
      y: 0,
      width: (region.width - GAP * (columns - 1)) / columns,
      height: (region.height - GAP * (rows - 1)) / rows,
    }, narrowest);
    if (cell.width <= 0 || cell.height <= 0) continue;
    if (area(cell) > best.width * best.height) best = { columns, rows, width: cell.width, height: cell.height };
  }

  const { columns, rows, width, height } = best;
  const top = region.y + (region.height - rows * height - (rows - 1) * GAP) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = region.x + (region.width - inRow * width - (inRow - 1) * GAP) / 2;
    return {
      x: left + (index - row * columns) * (width + GAP),
      y: top + row * (height + GAP),
      width,
      height,
    };
  });
}

/**
 * How many tiles a region takes before they get too small; at least one.
 *
 * @param {Box} region
 * @param {number} [narrowest]
 */
export function capacity(region, narrowest = NARROWEST) {
  for (let count = MOST; count > 1; count--) {
    const tile = grid(count, region, narrowest)[0];
    if (tile && tile.width >= SMALLEST.width && tile.height >= SMALLEST.height) return count;
  }
  return 1;
}

/**
 * The size of the floating self-view, in the bottom right corner; the stage
 * moves it to the corner that the person chose.
 *
 * @param {Box} stage
 * @returns {Box}
 */
function floatingBox(stage) {
  const upright = stage.width < stage.height;
  const width = upright ? clamp(stage.width * 0.24, 72, 160) : clamp(stage.width * 0.18, 112, 256);
  const height = upright ? width / NARROWEST_UPRIGHT : width / CAMERA;
  return { x: stage.width - width - MARGIN, y: stage.height - height - MARGIN, width, height };
}

/**
 * The largest tile of an allowed aspect in a box, in its middle.
 *
 * @param {Box} box
 * @param {number} narrowest
 * @returns {Box}
 */
function crop(box, narrowest) {
  return inside(clamp(box.width / box.height, narrowest, WIDEST), box);
}

/**
 * The largest box of one aspect in another box, in its middle.
 *
 * @param {number} aspect
 * @param {Box} box
 * @returns {Box}
 */
function inside(aspect, box) {
  const width = Math.min(box.width, box.height * aspect);
  const height = width / aspect;
  return { x: box.x + (box.width - width) / 2, y: box.y + (box.height - height) / 2, width, height };
}

/** @param {Box} box */
function area(box) {
  return Math.max(box.width, 0) * Math.max(box.height, 0);
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function clamp(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
