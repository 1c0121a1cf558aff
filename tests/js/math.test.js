import assert from "node:assert/strict";
import { test } from "node:test";
import { renderBlock } from "../../static/js/markdown/blocks.js";

/** @param {string} text */
function formulas(text) {
  const found = [...renderBlock(text).matchAll(/<span data-math="(\w+)">([^<]*)<\/span>/g)];
  return found.map(([, kind, tex]) => `${kind}:${tex}`);
}

const FORMULAS = {
  "$x$": ["inline:x"],
  "the sum $a + b$.": ["inline:a + b"],
  "$2x + 1$": ["inline:2x + 1"],
  "$10$": ["inline:10"],
  "$a_b$ and $c_d$": ["inline:a_b", "inline:c_d"],
  "*so $x*y$ is*": ["inline:x*y"],
  "**bold $n$**": ["inline:n"],
  "\\(a\\_b\\)": ["inline:a\\_b"],
  "\\[x^2\\]": ["display:x^2"],
  "$$x^2$$": ["display:x^2"],
  "see $$x^2$$ here": ["display:x^2"],
  "$$\nx\ny\n$$": ["display:x\ny"],
  "text\n\\[\nx\n\\]": ["display:x"],
  "- a\n  $$\n  y\n  $$": ["display:y"],
  "($x$, $y$)": ["inline:x", "inline:y"],
  "$\\$5$": ["inline:\\$5"],
  "| a |\n|---|\n| $x$ |": ["inline:x"],
  "$f(x) = \\text{if } x$": ["inline:f(x) = \\text{if } x"],
};

const NOT_FORMULAS = [
  "It costs $5 and $6.",
  "$5-$6",
  "from $20,000–$30,000",
  "US$5 or CA$6",
  "$5, $6 or 7$",
  "between $5 and 6$ each",
  "$1.5k to $2k$",
  "echo $HOME and $PATH",
  "$HOME/$PATH",
  "a $ b $ c",
  "$ x $",
  "$x $",
  "$$",
  "$",
  "`$x$`",
  "```\n$x$\n\\(y\\)\n```",
  "    $x$",
  "$a\nb$",
  "\\$x\\$",
  "\\\\(a\\\\)",
  "$$\na\n\nb\n$$",
];

for (const [text, expected] of Object.entries(FORMULAS)) {
  test(`a formula in ${JSON.stringify(text)}`, () => assert.deepEqual(formulas(text), expected));
}

for (const text of NOT_FORMULAS) {
  test(`no formula in ${JSON.stringify(text)}`, () => assert.deepEqual(formulas(text), []));
}
