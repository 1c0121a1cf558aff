/**
 * Makes a node's children like others, leaving alone what is the same already: a growing list or
 * table is not laid out anew with every word, and what is selected in it stays selected.
 *
 * @param {Node} present
 * @param {Node} wanted whose children may be taken
 */
export function morphChildren(present, wanted) {
  let old = present.firstChild;
  let fresh = wanted.firstChild;
  while (old && fresh) {
    const [nextOld, nextFresh] = [old.nextSibling, fresh.nextSibling];
    if (!old.isEqualNode(fresh)) morph(old, fresh);
    [old, fresh] = [nextOld, nextFresh];
  }
  while (fresh) {
    const next = fresh.nextSibling;
    present.appendChild(fresh);
    fresh = next;
  }
  while (old) {
    const next = old.nextSibling;
    present.removeChild(old);
    old = next;
  }
}

/** @param {ChildNode} old @param {ChildNode} fresh */
function morph(old, fresh) {
  if (old instanceof Text && fresh instanceof Text) {
    growText(old, fresh.data);
  } else if (old instanceof Element && fresh instanceof Element && alike(old, fresh)) {
    morphChildren(old, fresh);
  } else {
    old.replaceWith(fresh);
  }
}

/** @param {Text} text @param {string} wanted */
function growText(text, wanted) {
  if (wanted.startsWith(text.data)) text.appendData(wanted.slice(text.data.length));
  else text.data = wanted;
}

/** @param {Element} one @param {Element} other */
function alike(one, other) {
  return one.cloneNode(false).isEqualNode(other.cloneNode(false));
}
