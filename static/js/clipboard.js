/** Copies texts, and says on a button how that went. */

const SAID_MILLISECONDS = 1_500;

/** @typedef {{label: string, timer: number}} Saying what the button says otherwise, and until when */
/** @type {WeakMap<Element, Saying>} */
const saying = new WeakMap();

/**
 * Copies, and says so on the button for a moment: in its label, or in its text where it has none.
 *
 * @param {Element} button
 * @param {string} text
 */
export async function copyFrom(button, text) {
  const isCopied = await copyText(text);
  const before = saying.get(button);
  clearTimeout(before?.timer);
  const label = before?.label ?? labelOf(button);
  show(button, isCopied ? "Copied" : "Not copied", isCopied ? "done" : "failed");
  const timer = setTimeout(() => {
    saying.delete(button);
    show(button, label);
  }, SAID_MILLISECONDS);
  saying.set(button, { label, timer });
}

/** @param {Element} button */
function labelOf(button) {
  return button.getAttribute("aria-label") ?? button.textContent ?? "";
}

/** @param {Element} button @param {string} label @param {"done" | "failed"} [state] */
function show(button, label, state) {
  button.classList.toggle("done", state === "done");
  button.classList.toggle("failed", state === "failed");
  if (button.hasAttribute("aria-label")) button.setAttribute("aria-label", label);
  else button.textContent = label;
}

/**
 * Over plain HTTP, as in a house's own network, browsers have no `navigator.clipboard`; and it may
 * refuse.
 *
 * @param {string} text
 * @returns {Promise<boolean>} whether it was copied
 */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copySelected(text);
  }
}

/** @param {string} text */
function copySelected(text) {
  const focused = document.activeElement;
  const area = document.createElement("textarea");
  area.className = "visually-hidden";
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  if (focused instanceof HTMLElement) focused.focus({ preventScroll: true });
  return isCopied;
}
