/** Texts that exercise what may still change while it is written. */

const MIXED = `# A title

A paragraph with **bold**, *italic*, \`code\` and a [link](https://example.org "t").
It goes on
and on.

Setext
======

1. one
2. two

   with a paragraph
3. three
   - nested
     - deeper

10. ten

- a
- b

* c
+ d

| a | b |
|:--|--:|
| 1 | \`x|y\` |
| 2 | 3 |

\`\`\`python
def f(x):

    return x  # $5 and $6

\`\`\`

> A quote
> - with a list
lazily continued

> another

***

Done.
`;

const AMBIGUOUS = `para
\`\`\`js\` is not a fence

para
a | b
-|-
1 | 2

para
a | b
-|-x

1. one

2

1. two

2. three

text
===

text
==x

    indented

    code

<!-- a comment

over blank lines -->

after <!-- open

~~~
tilde
~~~

\`\`\`\`md
\`\`\`
inner
\`\`\`
\`\`\`\`

* not *
- - -
-
- x

+ y

  z

[ref]: https://example.org/ref "Title"

see [ref] and [other][Other] and [none]

[other]: https://example.org/other
`;

const MATH = `Prices: $5 and $6. The formula $a_b * c_d$ and *emphasis with $x*y$ inside*.

$$
\\frac{a}{b}
- c
$$

Text before
\\[
x = y
+ z
\\]
text after \\(a+b\\), and $$E=mc^2$$ inline.

- item:
  $$
  y_1
  $$
- next \\[ z \\]

$$ never closed
- list

$$
open at the end
`;

const CODE = `Look:

\`\`\`python
${Array.from({ length: 40 }, (_, line) => `line_${line} = ${line}\n`).join("\n")}\`\`\`

And then:

\`\`\`
not closed
# heading?
- item
`;

const WINDOWS = MIXED.replaceAll("\n", "\r\n") + "one\rtwo\r";

const UNICODE = `Grüße, 世界! 👩‍👩‍👧‍👦 e\u0301\u200d

- مرحبا بالعالم
- नमस्ते

\t tab\u00a0nbsp

a\u2028b\u2029c \ud83d

**世界**是*圆*的。
`;

const TIGHT = `# One
## Two
text
- a
- b
# Three
> q
text
***
1) x
2) y
\`\`\`
z
\`\`\`
| a |
|---|
| b |
text after a table
`;

export const DOCUMENTS = {
  "a mixed document": MIXED,
  "an ambiguous document": AMBIGUOUS,
  "formulas": MATH,
  "code": CODE,
  "Windows line ends": WINDOWS,
  "many scripts": UNICODE,
  "blocks without blank lines": TIGHT,
};
