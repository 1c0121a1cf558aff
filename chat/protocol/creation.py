"""`response.create`, read: what means something is checked, hints are kept, the rest refused."""

from typing import Annotated, Any, Literal

import msgspec

from chat.protocol import items
from chat.protocol.errors import BadRequest

_Id = Annotated[str, msgspec.Meta(max_length=64)]
_MAX_QUOTED_CHARS = 100
_NEUTRAL: tuple[Any, ...] = (None, [], {})


class Creation(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt. `request` is what was asked besides its input, as it is kept with the response."""

    items: list[dict[str, Any]]
    request: dict[str, Any]
    metadata: dict[str, str] = {}
    model: str | None = None
    conversation: str | None = None
    previous_response_id: str | None = None
    store: bool = True
    generate: bool = True
    root: bool = False
    cancel_on_disconnect: bool = False


class _Extras(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our own field, `interject`."""

    root: bool = False
    on_disconnect: str = "continue"
    cache: bool | None = None


class _Tool(msgspec.Struct, frozen=True):
    type: str
    name: str | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


_Mode = Literal["none", "auto", "required"]


class _OneTool(msgspec.Struct, frozen=True, tag_field="type", tag="function"):
    name: str


class _AllowedTools(msgspec.Struct, frozen=True, tag_field="type", tag="allowed_tools"):
    tools: list[_OneTool]
    mode: _Mode | None = None


class _PlainText(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    pass


class _JsonObject(msgspec.Struct, frozen=True, tag_field="type", tag="json_object"):
    pass


class _JsonSchema(msgspec.Struct, frozen=True, tag_field="type", tag="json_schema"):
    name: str
    schema: dict[str, Any]
    description: str | None = None
    strict: bool | None = None


class _Text(msgspec.Struct, frozen=True):
    format: _PlainText | _JsonObject | _JsonSchema | None = None
    verbosity: str | None = None


class _Reasoning(msgspec.Struct, frozen=True):
    effort: str | None = None
    summary: str | None = None


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    """The types of the fields, where given and not null."""

    model: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    input: Any = None
    instructions: str | None = None
    previous_response_id: _Id | None = None
    conversation: _Id | dict[str, Any] | None = None
    store: bool | None = None
    generate: bool | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    presence_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, msgspec.Meta(ge=-2, le=2)] | None = None
    max_output_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    max_tool_calls: Annotated[int, msgspec.Meta(ge=1)] | None = None
    top_logprobs: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    metadata: (
        Annotated[
            dict[
                Annotated[str, msgspec.Meta(max_length=64)],
                Annotated[str, msgspec.Meta(max_length=512)],
            ],
            msgspec.Meta(max_length=16),
        ]
        | None
    ) = None
    tools: list[_Tool] | None = None
    tool_choice: _Mode | _OneTool | _AllowedTools | None = None
    parallel_tool_calls: bool | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    truncation: str | None = None
    include: list[str] | None = None
    service_tier: str | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    user: str | None = None
    interject: _Extras | None = None
    # Hints: kept with the response, without effect here.
    client_metadata: Any = None
    prompt_cache_options: Any = None
    prompt_cache_retention: Any = None
    stream_options: dict[str, Any] | None = None


_KEPT = (
    "instructions", "temperature", "top_p", "presence_penalty", "frequency_penalty",
    "max_output_tokens", "max_tool_calls", "top_logprobs", "parallel_tool_calls", "truncation",
    "include", "service_tier", "prompt_cache_key", "safety_identifier", "user",
    "client_metadata", "prompt_cache_options", "prompt_cache_retention",
)  # fmt: skip


def parse_creation(body: dict[str, Any]) -> Creation:
    """The body of a `response.create`. Raises `BadRequest` that names the field at fault."""
    given = {name: value for name, value in body.items() if value is not None}
    for name, value in given.items():
        if name not in _Body.__struct_fields__ and value not in _NEUTRAL:
            param = _quoted(name)
            raise BadRequest("unknown_parameter", f"Unknown parameter: '{param}'.", param=param)
    try:
        fields = msgspec.convert(given, _Body)
    except msgspec.ValidationError as error:
        raise _bad_field(error) from None
    extras = fields.interject or _Extras()
    creation = Creation(
        items=items.parse_input(fields.input),
        request=_request(fields),
        metadata=fields.metadata or {},
        model=fields.model,
        conversation=_conversation_id(fields.conversation),
        previous_response_id=fields.previous_response_id,
        store=fields.store is not False,
        generate=fields.generate is not False,
        root=extras.root,
        cancel_on_disconnect=extras.on_disconnect == "cancel",
    )
    _check(creation, extras)
    return creation


def _check(creation: Creation, extras: _Extras) -> None:
    if creation.conversation and creation.previous_response_id:
        raise BadRequest(
            "mutually_exclusive_parameters",
            "Give 'conversation' or 'previous_response_id': the parent implies its conversation.",
            param="conversation",
        )
    if creation.conversation and not creation.store:
        raise BadRequest(
            "unsupported_parameter",
            "A conversation keeps what is said in it: leave 'store' out, or 'conversation'.",
            param="store",
        )
    if creation.root and not creation.conversation:
        raise BadRequest(
            "missing_required_parameter",
            "A root needs its 'conversation'.",
            param="conversation",
        )
    if extras.on_disconnect not in ("continue", "cancel"):
        raise BadRequest(
            "invalid_value",
            "'interject.on_disconnect' must be continue or cancel.",
            param="interject.on_disconnect",
        )
    if not creation.items and not creation.previous_response_id and creation.generate:
        raise BadRequest("empty_input", "The input is empty. Say something.", param="input")


def _request(fields: _Body) -> dict[str, Any]:
    request = {name: value for name in _KEPT if (value := getattr(fields, name)) not in (None, [])}
    if fields.tools:
        request["tools"] = [_tool(tool, index) for index, tool in enumerate(fields.tools)]
    if fields.reasoning is not None:
        request["reasoning"] = msgspec.to_builtins(fields.reasoning)
    if fields.tool_choice is not None:
        choice = msgspec.to_builtins(fields.tool_choice)
        if isinstance(fields.tool_choice, _AllowedTools):
            choice["mode"] = fields.tool_choice.mode or "auto"
        request["tool_choice"] = choice
    if fields.text is not None:
        request["text"] = _text(fields.text)
    if fields.interject is not None and fields.interject.cache is not None:
        # With the settings that a successor inherits, and whoever runs it reads.
        request["interject"] = {"cache": fields.interject.cache}
    if fields.truncation not in (None, "auto", "disabled"):
        raise BadRequest(
            "invalid_value",
            "'truncation' must be auto or disabled.",
            param="truncation",
        )
    return request


def _tool(tool: _Tool, index: int) -> dict[str, Any]:
    param = f"tools[{index}]"
    if tool.type != "function":
        raise BadRequest(
            "unsupported_tool",
            f"'{param}': only function tools are taken.",
            param=f"{param}.type",
        )
    if not tool.name:
        raise BadRequest(
            "missing_required_parameter",
            f"'{param}.name' is missing.",
            param=f"{param}.name",
        )
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.parameters,
        "strict": tool.strict if tool.strict is not None else True,
    }


def _conversation_id(value: str | dict[str, Any] | None) -> str | None:
    if not isinstance(value, dict):
        return value
    given = value.get("id")
    if not isinstance(given, str) or not given or len(given) > 64:
        raise BadRequest("invalid_type", "'conversation' needs an id.", param="conversation")
    return given


def _text(text: _Text) -> dict[str, Any]:
    """With the fields that a response has to show."""
    shown: dict[str, Any] = {"format": msgspec.to_builtins(text.format or _PlainText())}
    if isinstance(text.format, _JsonSchema):
        shown["format"]["strict"] = bool(text.format.strict)
    if text.verbosity is not None:
        shown["verbosity"] = text.verbosity
    return shown


def _bad_field(error: msgspec.ValidationError) -> BadRequest:
    """`Expected `str | null`, got `int` - at `$.model`` → the field's name, and what it wants."""
    what, _, where = str(error).partition(" - at `$")
    name = _quoted(where.strip("`.").replace("[...]", ""))
    what = _quoted(what.lower().replace("`", ""))
    return BadRequest("invalid_type", f"'{name}': {what}.", param=name)


def _quoted(text: str) -> str:
    """What a client said, short enough to be said back."""
    return text if len(text) <= _MAX_QUOTED_CHARS else text[: _MAX_QUOTED_CHARS - 1] + "…"
