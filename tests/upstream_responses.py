"""The bytes of the Responses API, for scripts of the tests' upstream.

`event` makes any; `chunk`, `think`, `call`, `item` and `completed` make the usual ones. Items are
numbered by whoever says them: `index` is their place in the output, by default the first.
"""

import json
from typing import Any

from tests.gate import Gate
from tests.upstream_script import Script, Speech, Step

Item = dict[str, Any]


def event(kind: str, /, **fields: Any) -> bytes:
    """One event, as these servers send it."""
    data = json.dumps({"type": kind, "sequence_number": 0, **fields})
    return f"event: {kind}\ndata: {data}\n\n".encode()


def raw(data: bytes | str) -> bytes:
    """One event with these very bytes as its data."""
    return b"data: " + (data.encode() if isinstance(data, str) else data) + b"\n\n"


def created() -> bytes:
    return event("response.created", response=response("in_progress"))


def chunk(text: str, index: int = 0, part: int = 0) -> bytes:
    return event(
        "response.output_text.delta",
        item_id=f"msg_{index}", output_index=index, content_index=part, delta=text, logprobs=[],
    )  # fmt: skip


def think(text: str, index: int = 0, part: int = 0) -> bytes:
    return event(
        "response.reasoning_summary_text.delta",
        item_id=f"rs_{index}", output_index=index, summary_index=part, delta=text,
    )  # fmt: skip


def refuse(text: str, index: int = 0) -> bytes:
    return event(
        "response.refusal.delta",
        item_id=f"msg_{index}", output_index=index, content_index=0, delta=text,
    )  # fmt: skip


def argue(text: str, index: int = 0) -> bytes:
    """A fragment of a call's arguments."""
    return event(
        "response.function_call_arguments.delta",
        item_id=f"fc_{index}", output_index=index, delta=text,
    )  # fmt: skip


def added(item: Item, index: int = 0) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def ended(item: Item, index: int = 0) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def message(text: str, index: int = 0, **fields: Any) -> Item:
    """A message as it stands when it is done."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {
        "type": "message", "id": f"msg_{index}", "status": "completed", "role": "assistant",
        "content": [part], **fields,
    }  # fmt: skip


def reasoning(*texts: str, index: int = 0, **fields: Any) -> Item:
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "id": f"rs_{index}", "summary": summary, **fields}


def call(call_id: str | None, arguments: str, index: int = 0, **fields: Any) -> Item:
    return {
        "type": "function_call", "id": f"fc_{index}", "call_id": call_id, "name": "look",
        "arguments": arguments, "status": "completed", **fields,
    }  # fmt: skip


def calling(call_id: str | None, *fragments: str, index: int = 0) -> list[Step]:
    """A whole call, in fragments."""
    whole = call(call_id, "".join(fragments), index)
    return [
        added({**whole, "arguments": "", "status": "in_progress"}, index),
        *(argue(fragment, index) for fragment in fragments),
        ended(whole, index),
    ]


def response(status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "status": status, "error": None,
        "incomplete_details": None, "output": [], "usage": None, **fields,
    }  # fmt: skip


def usage(read: int = 7, written: int = 11) -> dict[str, Any]:
    return {
        "input_tokens": read, "output_tokens": written, "total_tokens": read + written,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip


def completed(*output: Item, **fields: Any) -> bytes:
    """The last event, with usage."""
    shown = {**response("completed", output=output, usage=usage()), **fields}
    return event("response.completed", response=shown)


def incomplete(reason: str, *output: Item) -> bytes:
    shown = response("incomplete", output=output, incomplete_details={"reason": reason})
    return event("response.incomplete", response=shown)


def failed(code: str = "server_error", message: str = "as the prompt asked") -> bytes:
    error = {"code": code, "message": message}
    return event("response.failed", response=response("failed", error=error))


def whole(*texts: str, gate: Gate | None = None) -> Script:
    """A complete answer of one message; a gate stands before the last text."""
    steps: list[Step] = [created(), added({**message(""), "status": "in_progress", "content": []})]
    steps += [chunk(text) for text in texts]
    if gate is not None:
        steps.insert(-1, gate)
    said = message("".join(texts))
    return Script([*steps, ended(said), completed(said)])


RESPONSES = Speech(
    path="/v1/responses",
    chunk=chunk,
    think=think,
    end=(completed(),),
    failure=failed(),
    whole=whole,
)
