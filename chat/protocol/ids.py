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


_OF_ITEMS = {
    "message": message_id,
    "reasoning": reasoning_id,
    "function_call": function_call_id,
    "function_call_output": function_call_output_id,
}


def item_id(item_type: str) -> str:
    """A new id for an item of a type that can be kept."""
    return _OF_ITEMS[item_type]()
