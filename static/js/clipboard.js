/**
 * Copies a text. Over plain HTTP, as in a house's own network, browsers have no `navigator.clipboard`.
 *
 * @param {string} text
 */
export async function copyText(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.className = "visually-hidden";
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

const SAID_MILLISECONDS = 1_500;

/**
 * Copies, and says so on the button for a moment.
 *
 * @param {Element} button
 * @param {string} text
 */
export async function copyFrom(button, text) {
  await copyText(text);
  const label = button.getAttribute("aria-label");
  button.classList.add("done");
  if (label) button.setAttribute("aria-label", "Copied");
  setTimeout(() => {
    button.classList.remove("done");
    if (label) button.setAttribute("aria-label", label);
  }, SAID_MILLISECONDS);
}
