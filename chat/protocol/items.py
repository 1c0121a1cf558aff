"""The shapes of items, as dicts that go over the wire as they are.

Owns the reading of what a client gives as `input` and what a person would read of an item. Knows
nothing of who keeps them.
"""

from collections.abc import Callable, Iterable
from typing import Any

from chat.protocol import foreign, ids
from chat.protocol.errors import BadRequest

Item = dict[str, Any]

MESSAGE = "message"
FUNCTION_CALL = "function_call"
FUNCTION_CALL_OUTPUT = "function_call_output"
REASONING = "reasoning"
REFERENCE = "item_reference"

# Marks on reasoning, in our own field. `told_as`: its server told it as `reasoning_text`; it is
# shown as a summary, and goes back as it came. `sealed_by`: who alone can open what is encrypted.
MARKS = ("told_as", "sealed_by")
TOLD_AS_TEXT = {"told_as": "reasoning_text"}

_ROLES = frozenset({"user", "assistant", "system", "developer"})
_INPUT_PARTS = frozenset({"input_text", "input_image", "input_file"})
_MAX_KIND_CHARS = 100
# The fields of each part that mean something; others, such as our own extras coming back, are
# dropped.
_PART_FIELDS = {
    "input_text": ("text",),
    "input_image": ("image_url", "detail", "file_id"),
    "input_file": ("filename", "file_data", "file_url", "file_id"),
    "output_text": ("text", "annotations"),
    "refusal": ("refusal",),
    "summary_text": ("text",),
    "reasoning_text": ("text",),
}
_TEXT_FIELD = {"input_text": "text", "output_text": "text", "refusal": "refusal"}


def user_message(text: str) -> Item:
    return {
        "type": MESSAGE,
        "id": ids.message_id(),
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_text", "text": text}],
    }


def parse_input(value: Any, param: str = "input") -> list[Item]:
    """`input` as a list of items with ids of our own. Raises `BadRequest`.

    A string is one user message. An `item_reference` stays one: only who reads the database can
    resolve it.
    """
    if value is None:
        return []
    if isinstance(value, str):
        if not value.strip():
            raise BadRequest("empty_input", "The input is empty. Say something.", param=param)
        return [user_message(value)]
    if not isinstance(value, list):
        raise BadRequest("invalid_type", f"'{param}' must be a string or a list.", param=param)
    return [_parse_item(each, f"{param}[{index}]") for index, each in enumerate(value)]


def parse_steer_input(value: Any) -> list[Item]:
    """`input` of a steer: user messages only, at least one. Raises `BadRequest`."""
    items = parse_input(value)
    if not items:
        raise BadRequest("invalid_input", "A steer needs an input.", param="input")
    if any(item["type"] != MESSAGE or item["role"] != "user" for item in items):
        raise BadRequest("invalid_input", "A steer takes only messages of the user.", param="input")
    return items


def _parse_item(value: Any, param: str) -> Item:
    if not isinstance(value, dict):
        raise BadRequest("invalid_type", f"'{param}' must be an object.", param=param)
    kind = value.get("type")
    if kind is None:
        kind = MESSAGE if "role" in value else REFERENCE
    kind = _kind(kind, param)
    parse = _PARSERS.get(kind) or (_parse_foreign if foreign.is_taken(kind) else None)
    if parse is None:
        raise BadRequest(
            "unsupported_item",
            f"'{param}': items of type {kind!r} are not taken.",
            param=param,
        )
    given = value.get("id")
    if given is not None and (not isinstance(given, str) or len(given) > ids.MAX_ID_CHARS):
        raise BadRequest("invalid_type", f"'{param}.id' is not an id.", param=f"{param}.id")
    return parse(value, param)


def _parse_message(value: Item, param: str) -> Item:
    role = value.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise BadRequest(
            "invalid_value",
            f"'{param}.role' must be user, assistant, system or developer.",
            param=f"{param}.role",
        )
    message = {
        "type": MESSAGE,
        "id": ids.message_id(),
        "status": _status(value),
        "role": role,
        "content": _parse_content(value.get("content"), role, f"{param}.content"),
    }
    if role == "assistant" and value.get("phase"):
        message["phase"] = value["phase"]
    return message


def _parse_content(value: Any, role: str, param: str) -> list[Item]:
    text_part = "output_text" if role == "assistant" else "input_text"
    if isinstance(value, str):
        value = [{"type": text_part, "text": value}]
    if not isinstance(value, list):
        raise BadRequest("invalid_type", f"'{param}' must be a string or a list.", param=param)
    parts = [_parse_part(part, role, f"{param}[{i}]") for i, part in enumerate(value)]
    if role == "user" and not any(_says_something(part) for part in parts):
        raise BadRequest("empty_input", "The message is empty. Say something.", param=param)
    return parts


def _parse_part(value: Any, role: str, param: str) -> Item:
    if isinstance(value, str):
        value = {"type": "text", "text": value}
    if not isinstance(value, dict):
        raise BadRequest("invalid_type", f"'{param}' must be an object.", param=param)
    kind = _kind(value.get("type"), param)
    if kind in ("text", "input_text", "output_text"):
        kind = "output_text" if role == "assistant" else "input_text"
    allowed = ("output_text", "refusal") if role == "assistant" else _INPUT_PARTS
    if kind not in allowed:
        raise BadRequest(
            "unsupported_content",
            f"'{param}': a {role} has no part {kind!r}.",
            param=param,
        )
    part: Item = {"type": kind}
    for name in _PART_FIELDS[kind]:
        if value.get(name) is not None:
            part[name] = value[name]
    text_field = _TEXT_FIELD.get(kind)
    if text_field and not isinstance(part.get(text_field), str):
        raise BadRequest("invalid_type", f"'{param}.{text_field}' must be a string.", param=param)
    if kind == "output_text":
        part.setdefault("annotations", [])
        part["logprobs"] = []
    return part


def _says_something(part: Item) -> bool:
    return part["type"] != "input_text" or bool(part["text"].strip())


def _parse_function_call(value: Item, param: str) -> Item:
    return {
        "type": FUNCTION_CALL,
        "id": ids.function_call_id(),
        "call_id": _string(value, "call_id", param),
        "name": _string(value, "name", param),
        "arguments": _string(value, "arguments", param),
        "status": _status(value),
    }


def _parse_function_call_output(value: Item, param: str) -> Item:
    output = value.get("output")
    if isinstance(output, list):
        output = [
            _parse_part(part, "user", f"{param}.output[{i}]") for i, part in enumerate(output)
        ]
    elif not isinstance(output, str):
        raise BadRequest(
            "invalid_type",
            f"'{param}.output' must be a string or a list of parts.",
            param=f"{param}.output",
        )
    return {
        "type": FUNCTION_CALL_OUTPUT,
        "id": ids.function_call_output_id(),
        "call_id": _string(value, "call_id", param),
        "output": output,
        "status": _status(value),
    }


def _parse_reasoning(value: Item, param: str) -> Item:
    reasoning: Item = {
        "type": REASONING,
        "id": ids.reasoning_id(),
        "status": _status(value),
    }
    for name in ("summary", "content"):
        parts = value.get(name) or []
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise BadRequest("invalid_type", f"'{param}.{name}' must be a list.", param=param)
        kept = [
            {"type": part.get("type"), "text": part.get("text")}
            for part in parts
            if isinstance(part.get("text"), str)
        ]
        if kept or name == "summary":
            reasoning[name] = kept
    if isinstance(value.get("encrypted_content"), str):
        reasoning["encrypted_content"] = value["encrypted_content"]
    marks = value.get("interject")
    if isinstance(marks, dict):
        kept_marks = {name: marks[name] for name in MARKS if isinstance(marks.get(name), str)}
        reasoning |= {"interject": kept_marks} if kept_marks else {}
    return reasoning


def _parse_foreign(value: Item, param: str) -> Item:
    return foreign.as_kept(value)


def _parse_reference(value: Item, param: str) -> Item:
    return {"type": REFERENCE, "id": _string(value, "id", param)}


_PARSERS: dict[str, Callable[[Item, str], Item]] = {
    MESSAGE: _parse_message,
    FUNCTION_CALL: _parse_function_call,
    FUNCTION_CALL_OUTPUT: _parse_function_call_output,
    REASONING: _parse_reasoning,
    REFERENCE: _parse_reference,
}


def _string(value: Item, name: str, param: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or (not text and name != "arguments"):
        raise BadRequest("invalid_type", f"'{param}.{name}' must be a string.", param=param)
    if name in ("call_id", "id") and len(text) > ids.MAX_ID_CHARS:
        raise BadRequest("invalid_value", f"'{param}.{name}' is too long.", param=param)
    return text


def _kind(value: Any, param: str) -> str:
    """The name of a type, short enough to be said back."""
    if not isinstance(value, str) or len(value) > _MAX_KIND_CHARS:
        raise BadRequest("invalid_type", f"'{param}.type' is no type.", param=f"{param}.type")
    return value


def _status(value: Item) -> str:
    return "incomplete" if value.get("status") == "incomplete" else "completed"


def plain_text(item: Item) -> str:
    """What a person would read of an item, for search and review."""
    if item["type"] == MESSAGE:
        return "\n".join(_readable(part) for part in item["content"])
    if item["type"] == REASONING:
        return "\n".join(part["text"] for part in item["summary"])
    if item["type"] == FUNCTION_CALL:
        return f"{item['name']}({item['arguments']})"
    if item["type"] == FUNCTION_CALL_OUTPUT:
        output = item["output"]
        return output if isinstance(output, str) else "\n".join(map(_readable, output))
    return ""


def _readable(part: Item) -> str:
    name = _TEXT_FIELD.get(part["type"])
    return str(part[name]) if name else f"[{part['type'].removeprefix('input_')}]"


def unanswered_calls(items: Iterable[Item]) -> dict[str, Item]:
    """The function calls that no output answers, by `call_id`, in order.

    One that was cut in mid-sentence needs none: no provider is told of it.
    """
    open_calls: dict[str, Item] = {}
    for item in items:
        if item["type"] == FUNCTION_CALL and item.get("status", "completed") == "completed":
            open_calls[item["call_id"]] = item
        elif item["type"] == FUNCTION_CALL_OUTPUT:
            open_calls.pop(item["call_id"], None)
    return open_calls
