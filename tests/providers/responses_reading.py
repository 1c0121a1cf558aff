"""Reading an answer of the Responses API without HTTP, and the items that are to come of it."""

from typing import Any

from chat.protocol.items import Item
from chat.providers.base import Delta, Limits
from chat.providers.responses_answer import ResponsesAnswer


def heard(pieces: list[bytes], **options: Any) -> tuple[list[Delta], ResponsesAnswer]:
    answer = ResponsesAnswer(Limits(), **options)
    deltas: list[Delta] = []
    for piece in pieces:
        deltas += answer.feed(piece)
    return deltas + answer.end(), answer


def said(*texts: str, **fields: Any) -> Item:
    """A message of ours: each text a part."""
    parts = [
        {"type": "output_text", "text": text, "annotations": [], "logprobs": []} for text in texts
    ]
    return {"type": "message", "status": "completed", "role": "assistant", "content": parts,
            **fields}  # fmt: skip


def thought(*texts: str, **fields: Any) -> Item:
    summary = [{"type": "summary_text", "text": text} for text in texts]
    return {"type": "reasoning", "status": "completed", "summary": summary, **fields}


def called(call_id: str, arguments: str = "{}", **fields: Any) -> Item:
    return {"type": "function_call", "call_id": call_id, "name": "look", "arguments": arguments,
            "status": "completed", **fields}  # fmt: skip
