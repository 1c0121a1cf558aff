"""What the demo says to a conversation. Pure: the same items give the same text.

Owns the words. Must not know how fast they are said.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from chat.providers.surrogates import keepable

LONG_WORDS = 4000
WORDS_BEFORE_FAILING = 25
MAX_QUOTED_CHARS = 600
LAST_WORDS = 6
THINKING = {"think", "thinking", "reason", "reasoning"}

SHOWCASE = """\
### What you can ask for

| Put in your prompt | and the demo |
|---|---|
| `slow` | says three words a second |
| `long` | says 4,000 words |
| `think` | shows reasoning before it answers |
| `fail` | breaks off with an error |

Write while I am talking and I take it up; press **Stop** and I am silent at once.

### Some code

```python
def fibonacci(count: int) -> list[int]:
    numbers = [0, 1]
    while len(numbers) < count:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:count]


print(fibonacci(10))  # [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]
```

### A formula

In a line it looks like $e^{i\\pi} + 1 = 0$, and on its own like this:

$$
\\int_{-\\infty}^{\\infty} e^{-x^2} \\, dx = \\sqrt{\\pi}
$$

To talk to a real model, start the service with `OPENAI_API_KEY`, `OPENAI_BASE_URL`, or both.
"""

SUBJECTS = ("The river", "A lamp", "This page", "Every letter", "The clock", "A stone", "The wind")
VERBS = ("follows", "carries", "remembers", "measures", "answers", "crosses", "lights", "keeps")
OBJECTS = ("the road", "an old song", "the next word", "a quiet room", "the far shore")
ENDS = (
    "without haste.",
    "until morning.",
    "as demos do.",
    "once more.",
    "and goes on.",
    "by itself.",
)

_WORD = re.compile(r"\s*\S+")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What will be said: words with the white space before them, so that they join to the text."""

    reasoning: list[str]
    text: list[str]
    slow: bool
    fails: bool
    input_words: int


def plan(items: Sequence[dict[str, Any]], instructions: str | None = None) -> Plan:
    """What to say to these items, of which the last messages of the user count."""
    told = [item for item in items if (item.get("type") or "message") != "reasoning"]
    asked, before = _last_asked(told)
    wishes = set(re.findall(r"[a-z]+", " ".join(asked).lower()))
    text = _opening(asked, before) + SHOWCASE
    if "long" in wishes:
        text += _filling(LONG_WORDS - len(text.split()))
    words = _WORD.findall(text)
    return Plan(
        reasoning=_WORD.findall(_reasoning(asked)) if wishes & THINKING else [],
        text=words[:WORDS_BEFORE_FAILING] if "fail" in wishes else words,
        slow="slow" in wishes,
        fails="fail" in wishes,
        input_words=_count_words(told, instructions),
    )


def _last_asked(told: Sequence[dict[str, Any]]) -> tuple[list[str], dict[str, Any] | None]:
    """The texts of the user's messages at the end, oldest first, and the item before them."""
    asked: list[str] = []
    rest = list(told)
    while rest and rest[-1].get("role") == "user":
        asked.insert(0, text_of(rest.pop()))
    return asked, rest[-1] if rest else None


def _opening(asked: list[str], before: dict[str, Any] | None) -> str:
    if before and before.get("role") == "assistant" and before.get("status") == "incomplete":
        return _steered(asked, text_of(before))
    if len(asked) > 1:
        return _steered(asked[1:], "")
    quote = _quoted(asked[0]) if asked else "> (nothing)"
    return (
        "## This is a demo\n\n"
        "No model is connected, so these words were written beforehand. You wrote:\n\n"
        f"{quote}\n\n"
    )


def _steered(asked: list[str], said: str) -> str:
    words = said.split()
    where = "before my first word"
    if words:
        count = "1 word" if len(words) == 1 else f"{len(words):,} words"
        where = f"after {count}, at “{' '.join(words[-LAST_WORDS:])}”"
    quotes = "\n>\n".join(_quoted(each) for each in asked)
    return (
        "## Taking a new direction\n\n"
        "Understood. I go on with your new instruction:\n\n"
        f"{quotes}\n\n"
        f"You interrupted me {where}. I am still the demo: no model is connected.\n\n"
    )


def _reasoning(asked: list[str]) -> str:
    count = sum(len(each.split()) for each in asked)
    return (
        f"The prompt has {count} words and asks to see me think. I am a demo, so there is nothing "
        "to look up and nothing to weigh. I shall greet, quote the prompt, and show a table, some "
        "code and a formula. That seems a reasonable plan."
    )


def _filling(words: int) -> str:
    """Paragraphs of exactly so many words in all, with headings; none is like the one before."""
    made: list[str] = []
    sentence = 0
    while len(made) < words:
        if sentence % 40 == 0:
            made += ["\n\n###", "Part", f"{sentence // 40 + 1}\n\n"]
        made += _sentence(sentence).split()
        sentence += 1
        if sentence % 8 == 0 and sentence % 40:
            made[-1] += "\n\n"
    return re.sub(r" *\n\s*", "\n\n", " ".join(made[:words]))


def _sentence(number: int) -> str:
    # Lengths without a common divisor: the sentences repeat only after 1,680.
    return " ".join(words[number % len(words)] for words in (SUBJECTS, VERBS, OBJECTS, ENDS))


def _quoted(text: str) -> str:
    text = text.strip() or "(nothing)"
    if len(text) > MAX_QUOTED_CHARS:
        text = text[: MAX_QUOTED_CHARS - 1] + "…"
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def text_of(item: dict[str, Any]) -> str:
    """The words of a message; what is not text is named."""
    content = item.get("content")
    if isinstance(content, str):
        return keepable(content)
    return keepable(" ".join(_part(part) for part in content or () if isinstance(part, dict)))


def _part(part: dict[str, Any]) -> str:
    kind = str(part.get("type") or "")
    text = part.get("text") or part.get("refusal")
    if isinstance(text, str):
        return text
    return f"({kind.removeprefix('input_') or 'something'})"


def _count_words(items: Sequence[dict[str, Any]], instructions: str | None) -> int:
    texts = [text_of(item) if "content" in item else str(item.get("output", "")) for item in items]
    return sum(len(text.split()) for text in (*texts, instructions or ""))
