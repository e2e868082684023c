/** @typedef {'top-left' | 'top-right' | 'bottom-left' | 'bottom-right'} Corner */

/** So far must a pointer move before it drags, in pixels. */
const SLACK = 6;

/**
 * Lets a person drag an element to a corner of its parent while `enabled`
 * says so.
 *
 * @param {HTMLElement} element
 * @param {() => boolean} enabled
 * @param {(corner: Corner) => void} drop called with the corner it was let go nearest to
 */
export function dragToCorner(element, enabled, drop) {
  element.addEventListener('pointerdown', (down) => {
    if (!enabled() || down.button !== 0) return;
    const release = new AbortController();
    const { signal } = release;
    let dragging = false;
    // A quick hand is off the element before the first move is told.
    element.setPointerCapture(down.pointerId);
    element.addEventListener('pointermove', (move) => {
      const x = move.clientX - down.clientX;
      const y = move.clientY - down.clientY;
      if (!dragging && Math.hypot(x, y) < SLACK) return;
      dragging = true;
      element.toggleAttribute('data-dragging', true);
      element.style.translate = `${x}px ${y}px`;
    }, { signal });
    const end = () => {
      release.abort();
      if (!dragging) return;
      const corner = nearestCorner(element.getBoundingClientRect(), element.parentElement?.getBoundingClientRect());
      element.removeAttribute('data-dragging');
      element.style.translate = '';
      drop(corner);
    };
    element.addEventListener('pointerup', end, { signal });
    element.addEventListener('pointercancel', end, { signal });
  });
}

/**
 * @param {DOMRect} box
 * @param {DOMRect} [around]
 * @returns {Corner}
 */
function nearestCorner(box, around = document.body.getBoundingClientRect()) {
  const below = box.y + box.height / 2 > around.y + around.height / 2;
  const right = box.x + box.width / 2 > around.x + around.width / 2;
  return `${below ? 'bottom' : 'top'}-${right ? 'right' : 'left'}`;
}

/**
 * Moves a box that lies in the bottom right corner to another one.
 *
 * @param {import('./layout.js').Box} box
 * @param {Corner} corner
 * @param {{width: number, height: number}} stage
 * @returns {import('./layout.js').Box}
 */
export function inCorner(box, corner, stage) {
  return {
    ...box,
    x: corner.endsWith('left') ? stage.width - box.x - box.width : box.x,
    y: corner.startsWith('top') ? stage.height - box.y - box.height : box.y,
  };
}
