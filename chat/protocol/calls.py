"""Function calls and their outputs: every output answers a call, every call gets its output."""

from collections.abc import Iterable, Sequence

from chat.protocol.errors import BadRequest
from chat.protocol.items import FUNCTION_CALL, FUNCTION_CALL_OUTPUT, Item


def check_calls(owed: Sequence[str], items: Iterable[Item]) -> None:
    """Raise `BadRequest` unless the items answer all calls that are owed, and none that is not.

    `owed`: the `call_id`s of the parent's calls. A client that brings its whole context along
    brings calls of its own, which their outputs may answer.
    """
    missing = dict.fromkeys(owed)
    known = set(owed)
    for item in items:
        if item["type"] == FUNCTION_CALL:
            known.add(item["call_id"])
        elif item["type"] == FUNCTION_CALL_OUTPUT:
            if item["call_id"] not in known:
                raise BadRequest(
                    "tool_call_not_found",
                    f"No tool call found for function call output with call_id {item['call_id']}.",
                    param="input",
                )
            missing.pop(item["call_id"], None)
    if missing:
        raise BadRequest(
            "tool_output_missing",
            f"No tool output found for function call {next(iter(missing))}.",
            param="input",
        )
