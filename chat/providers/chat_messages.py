"""Our items → the messages of Chat Completions. Pure.

Owns how a history is told to a model that knows roles, texts and tool calls only. Must not know
settings, nor who asks. What cannot be told raises `ProviderError` with code `invalid_prompt`.

A `developer` is told as `system`: most servers know no other. Reasoning is left out, for it belongs
to the model that thought it, and so is what hosted tools did elsewhere.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from chat.providers import failures

Item = dict[str, Any]
Message = dict[str, Any]

ROLES = {"user": "user", "assistant": "assistant", "system": "system", "developer": "system"}
# They stand for what was said, and this API has no words for them.
IRREPLACEABLE = {"compaction", "item_reference"}
TEXT_PARTS = {"input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal"}


def messages(items: Iterable[Item], instructions: str | None = None) -> list[Message]:
    """The whole context, oldest first; the instructions before everything."""
    told: list[Message] = []
    if instructions:
        told.append({"role": "system", "content": instructions})
    for item in items:
        kind = item.get("type") or "message"
        if kind == "message":
            _tell_message(item, told)
        elif kind == "function_call":
            _tell_call(item, told)
        elif kind == "function_call_output":
            told.append(_output(item))
        elif kind in IRREPLACEABLE:
            raise failures.cannot_take(f"items of type {str(kind)[:64]}")
    return told


def _tell_message(item: Item, told: list[Message]) -> None:
    role = ROLES.get(str(item.get("role")))
    if role is None:
        raise failures.cannot_take(f"messages of the role {str(item.get('role'))[:64]}")
    content = _content(item.get("content"), role)
    # An empty answer (cancelled before its first word) says nothing, and some servers refuse it.
    if content or role != "assistant":
        told.append({"role": role, "content": content})


def _tell_call(item: Item, told: list[Message]) -> None:
    """Calls that follow each other, and the words before them, are one message of the model's."""
    if item.get("status") == "incomplete":
        return  # it was cut while it was written: nobody can answer it
    call = {
        "id": item.get("call_id") or item.get("id") or "",
        "type": "function",
        "function": {"name": item.get("name") or "", "arguments": item.get("arguments") or "{}"},
    }
    if told and told[-1]["role"] == "assistant":
        told[-1].setdefault("tool_calls", []).append(call)
    else:
        told.append({"role": "assistant", "tool_calls": [call]})


def _output(item: Item) -> Message:
    output = item.get("output")
    if isinstance(output, Sequence) and not isinstance(output, str):
        output = "\n".join(_text_only(part) for part in output)
    return {"role": "tool", "tool_call_id": item.get("call_id") or "", "content": output or ""}


def _text_only(part: Any) -> str:
    text = _text_of(part)
    if text is None:
        raise failures.cannot_take("tool outputs other than text")
    return text


def _content(content: Any, role: str) -> str | list[dict[str, Any]]:
    if content is None or isinstance(content, str):
        return content or ""
    texts = [_text_of(part) for part in content]
    if all(text is not None for text in texts):
        # A string: servers without images often know nothing else. The parts of an answer are one
        # text, those of a prompt are several.
        return ("" if role == "assistant" else "\n").join(text for text in texts if text)
    if role == "assistant":
        raise failures.cannot_take("answers other than text")
    return [_part(part) for part in content]


def _text_of(part: Any) -> str | None:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        return None
    field = TEXT_PARTS.get(str(part.get("type")))
    return str(part.get(field) or "") if field else None


def _part(part: Any) -> dict[str, Any]:
    text = _text_of(part)
    if text is not None:
        return {"type": "text", "text": text}
    kind = part.get("type")
    if kind == "input_image":
        return _image(part)
    if kind == "input_file":
        return _file(part)
    raise failures.cannot_take(f"content of type {str(kind)[:64]}")


def _image(part: dict[str, Any]) -> dict[str, Any]:
    if not part.get("image_url"):
        raise failures.cannot_take("images that are not given by an address or as data")
    image = {"url": part["image_url"]}
    if part.get("detail"):
        image["detail"] = part["detail"]
    return {"type": "image_url", "image_url": image}


def _file(part: dict[str, Any]) -> dict[str, Any]:
    if not part.get("file_data"):
        raise failures.cannot_take("files that are not given as data")
    file = {"file_data": part["file_data"]}
    if part.get("filename"):
        file["filename"] = part["filename"]
    return {"type": "file", "file": file}
