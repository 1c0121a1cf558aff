"""What makes a setting's value wrong, in words that follow its name.

Pure. A check takes the value as it was read and answers why it cannot be used, or nothing.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from project import origins

MIN_SECRET_CHARS = 32

Check = Callable[[Any], str | None]


def at_least(low: float) -> Check:
    def check(value: float) -> str | None:
        return None if value >= low else f"must be {low} or more, and is {value}"

    return check


def above_zero(value: float) -> str | None:
    return None if value > 0 else f"must be more than 0, and is {value}"


def between(low: int, high: int) -> Check:
    def check(value: int) -> str | None:
        return None if low <= value <= high else f"must be {low} to {high}, and is {value}"

    return check


def one_of(*choices: str) -> Check:
    def check(value: str) -> str | None:
        if value in choices:
            return None
        return f"must be {', '.join(choices[:-1])} or {choices[-1]}, and is '{value}'"

    return check


def url(*schemes: str, example: str) -> Check:
    def check(value: str) -> str | None:
        try:
            known = urlsplit(value).scheme in schemes
        except ValueError:
            known = False
        return None if known else f"must be a URL such as {example}"

    return check


def base_url(value: str) -> str | None:
    if why := url("http", "https", example="https://host/v1")(value):
        return why
    if value.rstrip("/").endswith(("/chat/completions", "/responses")):
        return "must be the base that paths are added to, such as https://host/v1"
    return None


def secret_key(value: str) -> str | None:
    if len(value) >= MIN_SECRET_CHARS:
        return None
    return f"must be {MIN_SECRET_CHARS} characters or more, and has {len(value)}"


def full_origins(values: tuple[str, ...]) -> str | None:
    wrong = next((value for value in values if origins.normal(value) is None), None)
    if wrong is None:
        return None
    return f"must be full origins such as https://chat.example.org, and one is '{wrong}'"
