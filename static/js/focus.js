/**
 * Where the keyboard is when a button goes away with what it did: the browser would put it at the
 * beginning of the page.
 */

const TOUCH = matchMedia("(pointer: coarse)");

/**
 * Draws.
 *
 * @param {HTMLElement} element
 * @param {() => void} draw what is in the element
 * @returns {HTMLButtonElement | null} the button that had the focus and cannot have it any more
 */
export function drawAndFindLost(element, draw) {
  const focused = document.activeElement;
  if (!(focused instanceof HTMLButtonElement) || !element.contains(focused)) {
    draw();
    return null;
  }
  // A tap must not bring up the keyboard over half of the answer.
  const isTapped = TOUCH.matches && !focused.matches(":focus-visible");
  draw();
  const isLost = !focused.isConnected || focused.disabled || focused.hidden;
  return isLost && !isTapped ? focused : null;
}
