"""Public identifiers: a prefix that tells the kind, and 32 hex digits of the system's chance."""

import secrets

MAX_ID_CHARS = 64


def conversation_id() -> str:
    return "conv_" + secrets.token_hex(16)


def response_id() -> str:
    return "resp_" + secrets.token_hex(16)


def message_id() -> str:
    return "msg_" + secrets.token_hex(16)


def reasoning_id() -> str:
    return "rs_" + secrets.token_hex(16)


def function_call_id() -> str:
    return "fc_" + secrets.token_hex(16)


def function_call_output_id() -> str:
    return "fco_" + secrets.token_hex(16)


def call_id() -> str:
    return "call_" + secrets.token_hex(16)


def steer_id() -> str:
    return "steer_" + secrets.token_hex(16)


def event_id() -> str:
    return "evt_" + secrets.token_hex(16)


def connection_id() -> str:
    return "conn_" + secrets.token_hex(16)


_PREFIXES = {
    "message": "msg",
    "reasoning": "rs",
    "function_call": "fc",
    "function_call_output": "fco",
    # What hosted tools make. Servers know their items by these.
    "apply_patch_call": "apc",
    "code_interpreter_call": "ci",
    "compaction": "cmp",
    "computer_call": "cu",
    "custom_tool_call": "ctc",
    "file_search_call": "fs",
    "image_generation_call": "ig",
    "local_shell_call": "lsh",
    "mcp_approval_request": "mcpr",
    "mcp_approval_response": "mcpa",
    "mcp_call": "mcp",
    "mcp_list_tools": "mcpl",
    "shell_call": "sh",
    "web_search_call": "ws",
}


def item_id(item_type: str) -> str:
    """A new id for an item of any type."""
    return f"{_PREFIXES.get(item_type, 'item')}_{secrets.token_hex(16)}"
