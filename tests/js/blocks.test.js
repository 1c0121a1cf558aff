import assert from "node:assert/strict";
import { test } from "node:test";
import { BlockSplitter, renderBlock } from "../../static/js/markdown/blocks.js";
import { DOCUMENTS } from "./documents.js";
import { random } from "./random.js";

/** What the page would show at the end. @param {string[]} cuts */
function stream(cuts) {
  const splitter = new BlockSplitter();
  /** @type {string[]} */
  let frozen = [];
  let redrawn = 0;
  for (const cut of cuts) {
    const blocks = splitter.push(cut);
    const now = blocks.filter((block) => block.finished).map((block) => block.raw);
    assert.deepEqual(now.slice(0, frozen.length), frozen, "a finished block changed");
    frozen = now;
  }
  const raws = splitter.end().map((block) => block.raw);
  for (const [index, raw] of frozen.entries()) if (raws[index] !== raw) redrawn++;
  const html = raws.map((raw) => renderBlock(raw, splitter.targets)).join("");
  return { html, text: raws.join(""), redrawn };
}

for (const [name, text] of Object.entries(DOCUMENTS)) {
  test(`streaming ${name} in any cut gives what the whole gives`, () => {
    const whole = stream([text]);
    assert.equal(whole.text, text.replace(/\r\n?/g, "\n"));
    for (let seed = 1; seed <= 60; seed++) {
      const cut = stream(random(seed).cuts(text, seed % 3 ? 12 : 90));
      assert.equal(cut.html, whole.html, `seed ${seed}`);
      assert.equal(cut.redrawn, 0, `seed ${seed} redrew finished blocks`);
    }
  });

  test(`streaming ${name} by the character redraws nothing that was finished`, () => {
    assert.equal(stream([...text]).redrawn, 0);
  });
}

test("a growing text keeps few blocks open", () => {
  const splitter = new BlockSplitter();
  const paragraph = "One two three four five six seven eight nine ten.\n\n";
  for (let index = 0; index < 1000; index++) {
    const open = splitter.push(paragraph).filter((block) => !block.finished);
    assert.ok(open.length <= 6, `${open.length} open blocks`);
  }
});

test("raw HTML is shown as text", () => {
  assert.match(renderBlock("a <script>alert(1)</script> b"), /&#60;script&#62;alert\(1\)/);
  assert.match(renderBlock("<div onclick=x>\nhi\n</div>\n"), /&#60;div onclick=x&#62;/);
  assert.match(renderBlock("H<sub>2</sub>O<br>"), /H<sub>2<\/sub>O<br>/);
});

test("a remote image becomes a link", () => {
  const html = renderBlock("![A \"cat\"](https://example.org/cat.png)");
  assert.equal(html, '<p><a href="https://example.org/cat.png">A &#34;cat&#34;</a></p>\n');
  assert.doesNotMatch(renderBlock("![x](javascript:alert(1))"), /href/);
});

test("a link target that is defined later reaches an earlier block", () => {
  const { html } = stream(["See [the docs].\n\nMore.\n\n", "[the docs]: https://example.org\n"]);
  assert.match(html, /<a href="https:\/\/example\.org">the docs<\/a>/);
});
