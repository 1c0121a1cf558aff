"""Reading an answer to its end, and saying what it came to, however it was cut into deltas."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from chat.protocol.coalescer import Coalescer
from chat.protocol.deltas import ItemEnd, PartEnd
from chat.protocol.items import Item
from chat.providers.base import (
    Citation,
    Delta,
    Finish,
    ModelRequest,
    Provider,
    ProviderError,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)


@dataclass
class Call:
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass
class Heard:
    """An answer, joined."""

    text: str = ""
    refusal: str = ""
    reasoning: str = ""
    calls: dict[int, Call] = field(default_factory=dict)
    citations: list[Citation] = field(default_factory=list)
    others: list[Delta] = field(default_factory=list)
    usage: Usage | None = None
    finish: str | None = None
    error: ProviderError | None = None


def joined(deltas: Sequence[Delta]) -> Heard:
    heard = Heard()
    for delta in deltas:
        assert heard.finish is None, "something came after the finish"
        match delta:
            case TextDelta():
                heard.text += delta.text
            case RefusalDelta():
                heard.refusal += delta.text
            case ReasoningDelta():
                heard.reasoning += delta.text
            case ToolCallDelta():
                call = heard.calls.setdefault(delta.index, Call())
                assert not (call.call_id and delta.call_id), "an id came twice"
                assert not (call.name and delta.name), "a name came twice"
                call.call_id = call.call_id or delta.call_id
                call.name = call.name or delta.name
                call.arguments += delta.arguments
            case Citation():
                heard.citations.append(delta)
            case Usage():
                assert heard.usage is None, "usage came twice"
                heard.usage = delta
            case Finish():
                heard.finish = delta.reason
            case PartEnd() | ItemEnd():
                pass
            case _:
                heard.others.append(delta)
    return heard


def items_of(deltas: Sequence[Delta], status: str = "completed") -> list[Item]:
    """The items that the deltas come to, without the ids that are minted for them."""
    coalescer = Coalescer()
    coalescer.feed(deltas)
    coalescer.close(status)
    return [{name: v for name, v in item.items() if name != "id"} for item in coalescer.output]


def asking(prompt: str = "Hello", /, **settings: Any) -> ModelRequest:
    """A request with one prompt."""
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": prompt}],
    }
    return ModelRequest(**{"model": "test-model", "items": [item], **settings})


async def deltas_of(provider: Provider, request: ModelRequest) -> list[Delta]:
    """Every delta of an answer, in order. Raises what the provider raises."""
    deltas: list[Delta] = []
    async with provider.stream(request) as batches:
        async for batch in batches:
            assert batch, "a batch was empty"
            deltas += batch
    return deltas


async def hear(
    provider: Provider,
    request: ModelRequest | str = "Hello",
    on_batch: Callable[[], None] = lambda: None,
) -> Heard:
    """The answer, joined; an error, if it failed, beside what was said before."""
    if isinstance(request, str):
        request = asking(request)
    deltas: list[Delta] = []
    error = None
    try:
        async with provider.stream(request) as batches:
            async for batch in batches:
                assert batch, "a batch was empty"
                deltas += batch
                on_batch()
    except ProviderError as raised:
        error = raised
    heard = joined(deltas)
    heard.error = error
    assert (heard.finish is None) == (error is not None), "it either finishes or fails"
    return heard
