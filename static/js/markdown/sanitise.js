/**
 * Turns HTML that a model had a hand in into nodes that can do nothing: no scripts, forms, frames,
 * styles or images, and links that lead out by their full address only.
 */

import { DOMPurify } from "../../dist/dompurify.js";

const TAGS = [
  "a", "blockquote", "br", "code", "del", "em", "h3", "h4", "h5", "h6", "hr", "kbd", "li", "ol", "p",
  "pre", "span", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "ul",
];
const ATTRIBUTES = [
  "align", "aria-label", "class", "data-language", "data-math", "href", "role", "start", "title",
];
const ADDRESSES = /^(?:https?|mailto):/i;

const purifier = DOMPurify(window);
purifier.addHook("afterSanitizeAttributes", (node) => {
  if (node.tagName !== "A") return;
  node.setAttribute("rel", "noopener noreferrer nofollow");
  node.setAttribute("target", "_blank");
});

/**
 * @param {string} html
 * @returns {DocumentFragment}
 */
export function sanitise(html) {
  return purifier.sanitize(html, {
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ATTRIBUTES,
    ALLOWED_URI_REGEXP: ADDRESSES,
    ADD_URI_SAFE_ATTR: ATTRIBUTES.filter((name) => name !== "href"),
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    RETURN_DOM_FRAGMENT: true,
  });
}
