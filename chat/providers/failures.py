"""What can go wrong upstream → a `ProviderError` that says what to do. Pure.

Owns the codes and the wording. Messages are shown to users: they name what to do and who can do it,
quote upstream only in short, and never hold a key. Must not know what upstream sends.
"""

import re

from chat.providers import waiting
from chat.providers.base import ProviderError

RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
SERVER_ERROR = "server_error"
INVALID_PROMPT = "invalid_prompt"
MODEL_NOT_FOUND = "model_not_found"
CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
ANSWER_TOO_LARGE = "answer_too_large"
UPSTREAM_AUTH = "upstream_auth"
UPSTREAM_UNREACHABLE = "upstream_unreachable"
UPSTREAM_TIMEOUT = "upstream_timeout"
UPSTREAM_CUT = "upstream_cut"
UPSTREAM_PROTOCOL = "upstream_protocol"

MAX_QUOTED_CHARS = 500
# Where operators say who answers: in the environment, or in the file of CHAT_PROVIDERS.
ADDRESS = "its address (OPENAI_BASE_URL, or base_url of the provider)"
KEY = "its key (OPENAI_API_KEY, or keys of the provider)"
CHECK_ADDRESS = f"The operator must check {ADDRESS}: it usually ends in /v1."

# Keys of the providers that have a shape of their own, and whatever follows "Bearer".
SECRETS = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|csk|nvapi|hf|tgp|fw|r8|key)[-_][\w*.\-]{6,}"
    r"|\bAIza[\w\-]{10,}|\beyJ[\w\-]{10,}\.[\w\-.]+|(?<=Bearer )\S+",
    re.IGNORECASE,
)
UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")


def invalid_prompt(why: str) -> ProviderError:
    """The context holds what this provider cannot be sent."""
    return ProviderError(INVALID_PROMPT, why)


def cannot_take(what: str) -> ProviderError:
    return invalid_prompt(
        f"This model's provider cannot take {what}. Leave it out, or choose another model."
    )


def unreachable(why: str) -> ProviderError:
    return ProviderError(
        UPSTREAM_UNREACHABLE,
        f"The model's provider cannot be reached ({why}). Try again in a moment; if it stays so, "
        f"the operator must check {ADDRESS} and the network.",
        retriable=True,
    )


def no_first_delta(seconds: float) -> ProviderError:
    return ProviderError(
        UPSTREAM_TIMEOUT,
        f"The model did not begin to answer within {seconds:g} s. Try again.",
        retriable=True,
    )


def silence(seconds: float) -> ProviderError:
    return ProviderError(
        UPSTREAM_TIMEOUT,
        f"The model fell silent for {seconds:g} s in the middle of its answer. "
        "Continue the answer, or try again.",
        retriable=True,
    )


def total_time(seconds: float) -> ProviderError:
    return ProviderError(
        UPSTREAM_TIMEOUT,
        f"The answer took longer than the {seconds:g} s that one may take. "
        "Continue it, or ask for less at once.",
    )


def cut() -> ProviderError:
    return ProviderError(
        UPSTREAM_CUT,
        "The connection to the model's provider was cut before the answer was complete. "
        "Continue the answer, or try again.",
        retriable=True,
    )


def not_a_stream() -> ProviderError:
    return ProviderError(
        UPSTREAM_PROTOCOL,
        "The model's provider sent something other than an answer, such as a web page. "
        + CHECK_ADDRESS,
    )


def unreadable(why: str) -> ProviderError:
    return ProviderError(
        UPSTREAM_PROTOCOL,
        f"The model's provider sent what cannot be read ({why}). Try again; if it stays so, tell "
        "the operator.",
        retriable=True,
    )


def line_too_long(max_bytes: int) -> ProviderError:
    return ProviderError(
        UPSTREAM_PROTOCOL,
        f"The model's provider sent a line of more than {max_bytes:,} bytes, which is not read. "
        "Try again; if it stays so, tell the operator.",
    )


def answer_too_large(max_chars: int) -> ProviderError:
    return ProviderError(
        ANSWER_TOO_LARGE,
        f"The answer grew beyond the {max_chars:,} characters that one may have. "
        "Ask for it in parts.",
    )


def server_error(said: str = "", *, status: int | None = None) -> ProviderError:
    return ProviderError(
        SERVER_ERROR,
        "The model's provider failed" + _saying(said) + ". Try again in a moment.",
        status=status,
        retriable=True,
    )


def gave_up(status: int) -> ProviderError:
    return ProviderError(
        UPSTREAM_TIMEOUT,
        f"The model's provider took too long to answer and gave up ({status}). Try again.",
        status=status,
        retriable=True,
    )


def without_secret(error: ProviderError, secret: str) -> ProviderError:
    """The same error, sure not to hold the operator's key, whatever upstream quoted."""
    if len(secret) >= 4 and secret in error.message:
        error.message = error.message.replace(secret, "***")
        error.args = (error.message,)
    return error


def prompt_too_long(said: str, status: int | None) -> ProviderError:
    return ProviderError(
        CONTEXT_LENGTH_EXCEEDED,
        "The conversation is too long for this model" + _saying(said) + ". Start a new "
        "conversation, shorten the prompt, or choose a model that reads more.",
        status=status,
    )


def refused_key(status: int | None) -> ProviderError:
    # Upstream's own words are left out: they like to quote the key.
    what = {402: "wants to be paid first", 403: "does not permit this"}.get(
        status or 401, "does not accept the service's key"
    )
    return ProviderError(
        UPSTREAM_AUTH,
        f"The model's provider {what} ({status or 401}). The operator must check {KEY} "
        "and the account behind it.",
        status=status,
    )


def unknown_model(said: str, status: int | None) -> ProviderError:
    return ProviderError(
        MODEL_NOT_FOUND,
        "The model's provider does not know this model" + _saying(said) + ". Choose another model; "
        f"if none works, the operator must check its models and {ADDRESS}.",
        status=status,
    )


def refused_prompt(said: str, status: int | None) -> ProviderError:
    return ProviderError(
        INVALID_PROMPT,
        "The model's provider refused the request" + _saying(said) + ". Change the prompt or the "
        "settings, or choose another model.",
        status=status,
    )


def rate_limited(said: str, code: str, retry_after: float | None) -> ProviderError:
    wait = retry_after if retry_after is not None else waiting.in_words(said)
    used_up = "insufficient_quota" in code
    if used_up:
        message = (
            "The service's quota at the model's provider is used up. "
            "The operator must check the account's plan and billing."
        )
    else:
        when = "in a moment" if wait is None else f"in {waiting.in_short(wait)}"
        message = f"The model's provider has too many requests just now; try again {when}."
    return ProviderError(
        RATE_LIMIT_EXCEEDED, message, status=429, retry_after=wait, retriable=not used_up
    )


def _saying(said: str) -> str:
    """Upstream's words as a part of a sentence of ours: on one line, short, without keys."""
    # Cut first: the pattern must not run over megabytes, and a key that the cut halves is
    # still a key to the pattern.
    words = SECRETS.sub("***", " ".join(said[: 4 * MAX_QUOTED_CHARS].split()))
    words = UNKEEPABLE.sub("\ufffd", words)
    if len(words) > MAX_QUOTED_CHARS:
        words = words[: MAX_QUOTED_CHARS - 1] + "…"
    return f": “{words.rstrip('.')}”" if words else ""
