const SVG = 'http://www.w3.org/2000/svg';

/**
 * The drawings, each a list of outlines on a field of 24 by 24. The ones in
 * FILLED are filled instead of stroked.
 */
const OUTLINES = {
  microphone: ['M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3z', 'M5.5 11a6.5 6.5 0 0 0 13 0', 'M12 17.5V21'],
  'microphone-off': ['M9 9v2a3 3 0 0 0 4.7 2.5M15 10.5V6a3 3 0 0 0-5.8-1', 'M5.5 11a6.5 6.5 0 0 0 10.6 5M18.5 11a6.5 6.5 0 0 1-.5 2.5', 'M12 17.5V21', 'M4 4l16 16'],
  camera: ['M5.5 6.5h7A2.5 2.5 0 0 1 15 9v6a2.5 2.5 0 0 1-2.5 2.5h-7A2.5 2.5 0 0 1 3 15V9a2.5 2.5 0 0 1 2.5-2.5z', 'M15 11l4.8-3.1a.8.8 0 0 1 1.2.7v6.8a.8.8 0 0 1-1.2.7L15 13'],
  'camera-off': ['M10 6.5h2.5A2.5 2.5 0 0 1 15 9v2M15 15.2a2.5 2.5 0 0 1-2.5 2.3h-7A2.5 2.5 0 0 1 3 15V9c0-1 .6-1.9 1.5-2.3', 'M15 11l4.8-3.1a.8.8 0 0 1 1.2.7v6.8a.8.8 0 0 1-.8.8', 'M4 4l16 16'],
  screen: ['M5.5 4h13A2.5 2.5 0 0 1 21 6.5v7a2.5 2.5 0 0 1-2.5 2.5h-13A2.5 2.5 0 0 1 3 13.5v-7A2.5 2.5 0 0 1 5.5 4z', 'M8 20h8', 'M12 12.8V7.5M9.5 9.8L12 7.3l2.5 2.5'],
  chat: ['M6.5 4h11A3 3 0 0 1 20.5 7v6.5a3 3 0 0 1-3 3H11l-4.6 3.7a.5.5 0 0 1-.8-.4v-3.4a3 3 0 0 1-2.1-2.9V7a3 3 0 0 1 3-3z', 'M8 8.7h8M8 12h5'],
  people: ['M9 5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z', 'M2.5 19.5c.3-3 2.9-4.8 6.5-4.8s6.2 1.8 6.5 4.8', 'M16 5.3a3.5 3.5 0 0 1 0 6.4M18.3 15c1.9.8 3 2.3 3.2 4.5'],
  settings: ['M4 7.5h8.5M17.5 7.5H20M4 16.5h2.5M11.5 16.5H20', 'M15 5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z', 'M9 14a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5z'],
  leave: ['M12 8.5c5.4 0 9.5 2.3 9.5 5.4v1a1.6 1.6 0 0 1-1.9 1.6l-2.9-.5a1.6 1.6 0 0 1-1.3-1.4l-.2-1.5c-1-.3-2-.5-3.2-.5s-2.2.2-3.2.5l-.2 1.5a1.6 1.6 0 0 1-1.3 1.4l-2.9.5a1.6 1.6 0 0 1-1.9-1.6v-1c0-3.1 4.1-5.4 9.5-5.4z'],
  pin: ['M9 4h6l-.8 6 3.3 3.2V15h-11v-1.8L9.8 10z', 'M12 15v5.5'],
  link: ['M10.2 13.8a4 4 0 0 0 5.7 0l3-3a4 4 0 0 0-5.7-5.7l-1 1', 'M13.8 10.2a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1'],
  check: ['M5 12.8l4.3 4.2L19 7.3'],
  close: ['M6.5 6.5l11 11M17.5 6.5l-11 11'],
  send: ['M4.6 12L3.5 5.3a.7.7 0 0 1 1-.8l15.7 6.9a.7.7 0 0 1 0 1.2L4.5 19.5a.7.7 0 0 1-1-.8z', 'M4.6 12H12'],
  speaker: ['M4 9.7v4.6h3.3L12 18.5v-13L7.3 9.7z', 'M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11'],
  bars: ['M5 19.5v-3', 'M12 19.5v-8', 'M19 19.5v-14'],
  weak: ['M5 19v-3M10 19v-6.5', 'M15 8.5v5.5M15 18.5v.5', 'M20 4.5v9.5M20 18.5v.5'],
  expand: ['M4.5 9V4.5H9M19.5 9V4.5H15M4.5 15v4.5H9M19.5 15v4.5H15'],
  lock: ['M7 10.5h10a2 2 0 0 1 2 2V18a2 2 0 0 1-2 2H7a2 2 0 0 1-2-2v-5.5a2 2 0 0 1 2-2z', 'M8 10.5V8a4 4 0 0 1 8 0v2.5'],
  door: ['M6.5 20V6A2 2 0 0 1 8.5 4h7a2 2 0 0 1 2 2v14', 'M3.5 20h17', 'M14 12v.6'],
  shield: ['M12 3.5l7 2.6v5.2c0 4.2-2.9 7.6-7 9.2-4.1-1.6-7-5-7-9.2V6.1z'],
  more: ['M12 4.2a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z', 'M12 10.4a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z', 'M12 16.6a1.6 1.6 0 1 1 0 3.2 1.6 1.6 0 0 1 0-3.2z'],
  warning: ['M12 4.5l8.5 15h-17z', 'M12 10.5v4M12 17v.1'],
};

const FILLED = new Set(['leave', 'more']);

/** @typedef {keyof typeof OUTLINES} IconName */

/**
 * An icon in the colour of the text around it. It says nothing to a screen
 * reader; the control it sits on has the label.
 *
 * @param {IconName} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.classList.add('icon');
  for (const outline of OUTLINES[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', outline);
    svg.append(path);
  }
  svg.classList.toggle('filled', FILLED.has(name));
  return svg;
}

/**
 * Puts an icon into an element in place of the one that is there.
 *
 * @param {Element} element
 * @param {IconName} name
 */
export function setIcon(element, name) {
  const present = element.querySelector(':scope > .icon');
  if (present?.getAttribute('data-icon') === name) return;
  const next = icon(name);
  next.setAttribute('data-icon', name);
  if (present) present.replaceWith(next);
  else element.prepend(next);
}
