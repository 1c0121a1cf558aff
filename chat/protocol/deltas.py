"""What a provider says, piece by piece. A delta is a piece of text, or what upstream says of it."""

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
    """Who answers from here on. `before` failed, with the code `reason`; None: it is the first."""

    name: str
    before: str | None = None
    reason: str | None = None


Delta = (
    TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ToolCallDelta
    | Citation
    | Usage
    | Finish
    | ProviderChosen
)
