"""What a provider says, piece by piece. A delta is a piece of text, or what upstream says of it.

Providers that know items say where each ends, and say one after another; the others leave it to the
coalescer to find out.
"""

from typing import Any

import msgspec


class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the answer."""

    text: str


class RefusalDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the model's refusal to answer."""

    text: str


class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """A piece of the model's reasoning, as far as the provider shows it."""

    text: str


class ToolCallDelta(msgspec.Struct, frozen=True, gc=False):
    """A fragment of the function call that upstream numbers `index`; id and name come once."""

    index: int
    call_id: str | None
    name: str | None
    arguments: str


class Citation(msgspec.Struct, frozen=True, gc=False):
    """A source of the answer as a whole."""

    url: str
    title: str


class Annotation(msgspec.Struct, frozen=True, gc=False):
    """An annotation of the text that is open, as it stands in its part."""

    annotation: dict[str, Any]


class Logprobs(msgspec.Struct, frozen=True, gc=False):
    """The log probabilities of the tokens that were just said, as they stand in their part."""

    logprobs: list[dict[str, Any]]


class Phase(msgspec.Struct, frozen=True, gc=False):
    """What the message that comes next is for: `commentary` or `final_answer`."""

    phase: str


class PartEnd(msgspec.Struct, frozen=True, gc=False):
    """The part that is open is complete: more of its kind is another part."""


class ItemEnd(msgspec.Struct, frozen=True, gc=False):
    """The item that is open is over. `fields`: what it has beside its text."""

    status: str = "completed"
    fields: dict[str, Any] = {}


class WholeItem(msgspec.Struct, frozen=True, gc=False):
    """An item of which there are no pieces, in its wire's own shape. `chars`: what it weighs."""

    item: dict[str, Any]
    chars: int


class Usage(msgspec.Struct, frozen=True, gc=False):
    """Tokens, as upstream counted them."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


class Finish(msgspec.Struct, frozen=True, gc=False):
    """Why the model stopped: `stop`, `length`, `content_filter` or `tool_calls`."""

    reason: str


class ProviderChosen(msgspec.Struct, frozen=True, gc=False):
    """Who answers from here on. `before` failed, with the code `reason`; None: it is the first.

    `cache`: whether the answer was found in the cache, `hit` or `miss`, and `name` gave it once;
    None: nobody looked.
    """

    name: str
    before: str | None = None
    reason: str | None = None
    cache: str | None = None


Delta = (
    TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ToolCallDelta
    | Citation
    | Annotation
    | Logprobs
    | Phase
    | PartEnd
    | ItemEnd
    | WholeItem
    | Usage
    | Finish
    | ProviderChosen
)
