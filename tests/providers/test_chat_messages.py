"""How a conversation is worded for Chat Completions."""

import pytest

from chat.providers.base import ProviderError
from chat.providers.chat_messages import messages


def message(role: str, *texts: str, **fields: object) -> dict:
    kind = "output_text" if role == "assistant" else "input_text"
    parts = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": parts, **fields}


def called(call_id: str, arguments: str = "{}", **fields: object) -> dict:
    item = {"type": "function_call", "call_id": call_id, "name": "weather", "arguments": arguments}
    return {**item, **fields}


def told_call(call_id: str, arguments: str = "{}") -> dict:
    function = {"name": "weather", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def output(call_id: str, text: object = "warm") -> dict:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def told_output(call_id: str, text: str = "warm") -> dict:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


CONVERSATIONS = {
    "turns": (
        [message("user", "a"), message("assistant", "b"), message("user", "c")],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
    ),
    "a plain string": (
        [{"role": "user", "content": "a"}],
        [{"role": "user", "content": "a"}],
    ),
    "a developer": (
        [message("developer", "a"), message("system", "b")],
        [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}],
    ),
    "several texts": (
        [message("user", "a", "b"), message("assistant", "c", "d")],
        [{"role": "user", "content": "a\nb"}, {"role": "assistant", "content": "cd"}],
    ),
    "a refusal": (
        [{"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}],
        [{"role": "assistant", "content": "no"}],
    ),
    "an answer without a word": (
        [message("user", "a"), message("assistant"), message("user", "b")],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    ),
    "a steered answer": (
        [
            message("user", "a"),
            message("assistant", "b", status="incomplete"),
            message("user", "c"),
        ],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
    ),
    "reasoning": (
        [{"type": "reasoning", "summary": []}, message("assistant", "b")],
        [{"role": "assistant", "content": "b"}],
    ),
    "what a hosted tool did elsewhere": (
        [
            message("user", "a"),
            {"type": "web_search_call", "action": {"query": "a"}},
            {"type": "dream"},
            message("assistant", "b"),
        ],
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
    ),
    "a call": (
        [message("user", "a"), called("c1"), output("c1"), message("assistant", "b")],
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "tool_calls": [told_call("c1")]},
            told_output("c1"),
            {"role": "assistant", "content": "b"},
        ],
    ),
    "words, reasoning and parallel calls": (
        [
            message("assistant", "let me see"),
            {"type": "reasoning", "summary": []},
            called("c1", '{"city":"Bonn"}'),
            called("c2", ""),
            output("c1"),
            output(
                "c2", [{"type": "input_text", "text": "x"}, {"type": "input_text", "text": "y"}]
            ),
        ],
        [
            {
                "role": "assistant",
                "content": "let me see",
                "tool_calls": [told_call("c1", '{"city":"Bonn"}'), told_call("c2")],
            },
            told_output("c1"),
            told_output("c2", "x\ny"),
        ],
    ),
    "calls one after another": (
        [called("c1"), output("c1"), called("c2"), output("c2", None)],
        [
            {"role": "assistant", "tool_calls": [told_call("c1")]},
            told_output("c1"),
            {"role": "assistant", "tool_calls": [told_call("c2")]},
            told_output("c2", ""),
        ],
    ),
    "a call that was cut": (
        [message("user", "a"), called("c1", '{"ci', status="incomplete"), message("user", "b")],
        [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    ),
    "an image and a file": (
        [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "look"},
                    {"type": "input_image", "image_url": "https://x.example/a.png"},
                    {"type": "input_image", "image_url": "data:,", "detail": "low"},
                    {"type": "input_file", "file_data": "data:,", "filename": "a.pdf"},
                ],
            }
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}},
                    {"type": "image_url", "image_url": {"url": "data:,", "detail": "low"}},
                    {"type": "file", "file": {"file_data": "data:,", "filename": "a.pdf"}},
                ],
            }
        ],
    ),
}


@pytest.mark.parametrize(("items", "told"), CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_conversation_is_told_as_messages(items, told):
    before = repr(items)
    assert messages(items) == told
    assert messages(items, "Be kind") == [{"role": "system", "content": "Be kind"}, *told]
    assert repr(items) == before


UNTELLABLE = {
    "compaction": [{"type": "compaction"}],
    "item_reference": [{"type": "item_reference", "id": "msg_1"}],
    "the role critic": [{"role": "critic", "content": "a"}],
    "images that": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}],
    "files that": [{"role": "user", "content": [{"type": "input_file", "file_url": "x"}]}],
    "input_video": [{"role": "user", "content": [{"type": "input_video"}]}],
    "tool outputs": [output("c1", [{"type": "input_image", "image_url": "data:,"}])],
}


@pytest.mark.parametrize(("names", "items"), UNTELLABLE.items(), ids=UNTELLABLE.keys())
def test_what_cannot_be_told_is_refused_by_name(names, items):
    with pytest.raises(ProviderError) as raised:
        messages(items)
    assert raised.value.code == "invalid_prompt"
    assert names in raised.value.message
