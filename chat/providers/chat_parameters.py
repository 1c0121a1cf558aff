"""A `ModelRequest` → the body of a Chat Completions request. Pure.

Owns which setting is called what, and what is sent to whom: many servers refuse what they do not
know, so what was not asked for is not sent, and what only OpenAI has is sent to OpenAI only:
`prompt_cache_key`, `safety_identifier`, and `max_completion_tokens` where all others know
`max_tokens` (it deprecates that one). `top_logprobs` is not sent: no delta could carry the answer.
"""

from collections.abc import Sequence
from typing import Any

from chat.providers import failures
from chat.providers.base import ModelRequest
from chat.providers.chat_messages import messages

CHOICES = {"auto", "none", "required"}


def body(request: ModelRequest, *, openai: bool) -> dict[str, Any]:
    """The body, streamed and with usage. Raises `ProviderError` for what cannot be asked."""
    asked: dict[str, Any] = {
        "model": request.model,
        "messages": messages(request.items, request.instructions),
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": request.temperature,
        "top_p": request.top_p,
        "presence_penalty": request.presence_penalty,
        "frequency_penalty": request.frequency_penalty,
        "max_completion_tokens" if openai else "max_tokens": request.max_output_tokens,
        "reasoning_effort": (request.reasoning or {}).get("effort"),
        "response_format": _format((request.text or {}).get("format")),
        "verbosity": (request.text or {}).get("verbosity"),
        "service_tier": None if request.service_tier == "auto" else request.service_tier,
        "user": request.user,
        **_tools(request),
    }
    if openai:
        asked["prompt_cache_key"] = request.prompt_cache_key
        asked["safety_identifier"] = request.safety_identifier
    return {name: value for name, value in asked.items() if value is not None}


def _format(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    kind = (wanted or {}).get("type") or "text"
    if kind == "text":
        return None
    if kind == "json_object":
        return {"type": "json_object"}
    if wanted is None or kind != "json_schema":
        raise failures.cannot_take(f"the text format {str(kind)[:64]}")
    schema = _given(wanted, "name", "description", "schema", "strict")
    return {"type": "json_schema", "json_schema": schema}


def _tools(request: ModelRequest) -> dict[str, Any]:
    """Tools and what goes with them: servers refuse a choice among no tools."""
    if not request.tools:
        return {}
    choice = request.tool_choice
    tools: Sequence[dict[str, Any]] = request.tools
    if isinstance(choice, dict) and choice.get("type") == "allowed_tools":
        # Few servers know allowed tools; offering no others comes to the same.
        names = {each.get("name") for each in choice.get("tools") or ()}
        tools = [tool for tool in tools if tool.get("name") in names]
        choice = choice.get("mode")
    return {
        "tools": [_tool(tool) for tool in tools],
        "tool_choice": _choice(choice),
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool.get("type") != "function":
        raise failures.cannot_take(f"tools of type {str(tool.get('type'))[:64]}")
    function = _given(tool, "name", "description", "parameters")
    if tool.get("strict"):
        function["strict"] = True  # false is the default of this API, and unknown to many servers
    return {"type": "function", "function": function}


def _choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    if choice is None or (isinstance(choice, str) and choice in CHOICES):
        return choice
    if isinstance(choice, dict) and choice.get("type") == "function":
        return {"type": "function", "function": {"name": choice.get("name") or ""}}
    raise failures.cannot_take("this tool choice")


def _given(found: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: found[name] for name in names if found.get(name) is not None}
