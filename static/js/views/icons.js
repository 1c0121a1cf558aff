/** Icons, as strokes in the colour of the text around them. */

import { html, svg } from "../../dist/lit.js";

/** @param {ReturnType<typeof svg>} strokes */
function icon(strokes) {
  return html`<svg viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor"
    stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">${strokes}</svg>`;
}

export const ICONS = {
  send: icon(svg`<path d="M12 19V5M6 11l6-6 6 6"/>`),
  stop: icon(svg`<rect x="6.5" y="6.5" width="11" height="11" rx="2" fill="currentColor"/>`),
  steer: icon(svg`<path d="M5 19c0-7 3-10 9-10h5M15 5l4 4-4 4"/>`),
  queue: icon(svg`<path d="M4 7h16M4 12h10M4 17h6M17 14v6M14 17h6"/>`),
  copy: icon(svg`<rect x="9" y="9" width="11" height="11" rx="2.5"/><path d="M15 5.5A2.5 2.5 0 0 0 12.5 4h-6A2.5 2.5 0 0 0 4 6.5v6A2.5 2.5 0 0 0 5.5 15"/>`),
  done: icon(svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`),
  again: icon(svg`<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.300L20 9.400M20 4.5v4.900h-4.9"/>`),
  edit: icon(svg`<path d="m4.5 19.5.9-4L16 4.900a1.9 1.9 0 0 1 2.7 0l.4.4a1.9 1.9 0 0 1 0 2.700L8.5 18.600z"/>`),
  up: icon(svg`<path d="M7.5 10.5 11 3.800c1.5 0 2.4 1 2.2 2.5l-.5 3.200h5.100c1.4 0 2.3 1.3 1.9 2.600l-1.6 5.700a2.2 2.2 0 0 1-2.1 1.600H7.5zM7.5 10.5H5.200c-.7 0-1.2.5-1.2 1.200v6.5c0 .7.5 1.2 1.2 1.200h2.3"/>`),
  down: icon(svg`<path d="M16.5 13.5 13 20.200c-1.5 0-2.4-1-2.2-2.5l.5-3.200H6.200c-1.4 0-2.3-1.3-1.9-2.600l1.6-5.700A2.2 2.2 0 0 1 8 4.600h8.5zM16.5 13.5h2.300c.7 0 1.2-.5 1.2-1.200V5.800c0-.7-.5-1.2-1.2-1.200h-2.3"/>`),
  comment: icon(svg`<path d="M20 11.5a7.5 7 0 0 1-7.5 7c-1 0-2-.2-2.9-.5L5 19.5l1.2-3.700A6.7 6.7 0 0 1 5 11.5a7.5 7 0 0 1 15 0z"/>`),
  remove: icon(svg`<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>`),
  previous: icon(svg`<path d="M14.5 6.5 9 12l5.5 5.5"/>`),
  next: icon(svg`<path d="M9.5 6.5 15 12l-5.5 5.5"/>`),
  more: icon(svg`<path d="M6 12h.01M12 12h.01M18 12h.01" stroke-width="2.6"/>`),
  latest: icon(svg`<path d="M12 5v14M6 13l6 6 6-6"/>`),
  light: icon(svg`<circle cx="12" cy="12" r="4"/><path d="M12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.600l1.1 1.100M17.3 17.300l1.1 1.100M18.4 5.600l-1.1 1.100M6.7 17.300l-1.1 1.1"/>`),
  dark: icon(svg`<path d="M19.5 14.300A8 8 0 0 1 9.7 4.5a8 8 0 1 0 9.8 9.800z"/>`),
  system: icon(svg`<rect x="3.5" y="5" width="17" height="11.5" rx="2"/><path d="M9 20h6M12 16.5V20"/>`),
};
