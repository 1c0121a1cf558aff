"""A `ModelRequest` → the body of a Responses request. Pure.

Owns which settings are sent to whom. What was not asked for is not sent; what was, goes as it is.
Nothing is stored upstream and nothing is cut from the context there: both are ours.
"""

import re
from typing import Any

from chat.providers.base import ModelRequest
from chat.providers.responses_input import told

SEALED_REASONING = "reasoning.encrypted_content"
LOGPROBS = "message.output_text.logprobs"
# OpenAI refuses to be asked for sealed reasoning of a model that does not reason.
REASONS = re.compile(r"(?:.*/)?(?:o\d|gpt-[5-9]|codex)(?!.*chat)", re.IGNORECASE)


def body(request: ModelRequest, *, openai: bool, origin: str = "") -> dict[str, Any]:
    """The body, streamed. Raises `ProviderError` for what cannot be asked."""
    asked: dict[str, Any] = {
        "model": request.model,
        "input": told(request.items, openai=openai, origin=origin),
        "instructions": request.instructions,
        "stream": True,
        "store": False,
        "truncation": "disabled",
        "include": _include(request),
        "temperature": request.temperature,
        "top_p": request.top_p,
        # Not of OpenAI's API, but of others': a neutral value is not worth a refusal.
        "presence_penalty": request.presence_penalty or None,
        "frequency_penalty": request.frequency_penalty or None,
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": request.max_tool_calls,
        "top_logprobs": request.top_logprobs or None,
        "text": _text(request.text or {}),
        "reasoning": _given(request.reasoning or {}),
        "service_tier": None if request.service_tier == "auto" else request.service_tier,
        "prompt_cache_key": request.prompt_cache_key,
        "safety_identifier": request.safety_identifier,
        "user": request.user,
        **_tools(request),
    }
    return {name: value for name, value in asked.items() if value is not None}


def wants_logprobs(request: ModelRequest) -> bool:
    return bool(request.top_logprobs) or LOGPROBS in (request.include or ())


def _include(request: ModelRequest) -> list[str] | None:
    """What the client asked for, and what its next prompt will need."""
    wanted = dict.fromkeys(request.include or ())
    if _reasons(request):
        wanted[SEALED_REASONING] = None
    if request.top_logprobs:
        wanted[LOGPROBS] = None
    return list(wanted) or None


def _reasons(request: ModelRequest) -> bool:
    effort = (request.reasoning or {}).get("effort")
    if effort is not None:
        return bool(effort != "none")
    return REASONS.match(request.model) is not None


def _text(text: dict[str, Any]) -> dict[str, Any] | None:
    wanted = _given(text) or {}
    form = _given(wanted.pop("format", {})) or {}
    if form.get("type", "text") != "text":
        wanted["format"] = form
    return wanted or None


def _tools(request: ModelRequest) -> dict[str, Any]:
    """Tools and what goes with them: servers refuse a choice among no tools."""
    if not request.tools:
        return {}
    return {
        "tools": list(request.tools),
        "tool_choice": request.tool_choice,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _given(found: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in found.items() if value is not None} or None
