"""What a failed try means: for the one who failed, and for whether there is another. Pure.

Owns how long members and keys rest, and how long to wait. A try fails before its first delta, or
there is no other: what was said cannot be taken back.
"""

import msgspec

from chat.providers import failures, reports, waiting
from chat.providers.base import ProviderError
from chat.providers.ledger import NoRoom, Outcome, Verdict, Why

# A provider that failed is asked last for a while; one that does not accept a key, longer.
FAILED_SECONDS = 10.0
REFUSED_SECONDS = 300.0
FIRST_WAIT_SECONDS = 0.25


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How much is tried for one answer.

    `tries` in all; none begins later than `total_seconds` after the first, nor behind a wait of
    more than `wait_seconds`.
    """

    tries: int = 4
    wait_seconds: float = 5.0
    total_seconds: float = 150.0


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """`again`: another try may help. `except_key`, `except_member`: but not with the same one."""

    verdict: Verdict
    again: bool = False
    except_key: bool = False
    except_member: bool = False


WELL = Verdict()
STOPPED = Verdict(outcome=Outcome.UNKNOWN)
NO_HELP = Judgement(verdict=WELL)


def judge(error: ProviderError, tries: int) -> Judgement:
    """`tries`: how many there were, this one included."""
    if error.code == failures.RATE_LIMIT_EXCEEDED:
        return _rate_limited(error, tries)
    if error.code == failures.UPSTREAM_AUTH:
        return Judgement(verdict=Verdict(key_seconds=REFUSED_SECONDS), again=True, except_key=True)
    if error.code == failures.MODEL_NOT_FOUND or _has_no_words_for_it(error):
        return Judgement(verdict=WELL, again=True, except_member=True)
    if not error.retriable and error.code != failures.UPSTREAM_PROTOCOL:
        return NO_HELP
    return Judgement(
        verdict=Verdict(
            outcome=Outcome.FAILED,
            limited_seconds=error.retry_after or 0.0,
            member_seconds=FAILED_SECONDS,
        ),
        again=True,
        # What speaks another language speaks it the next time as well.
        except_member=not error.retriable,
    )


def _has_no_words_for_it(error: ProviderError) -> bool:
    """Nothing was sent: the prompt holds what this provider's API cannot say. Another's may."""
    return error.code == failures.INVALID_PROMPT and error.status is None


def _rate_limited(error: ProviderError, tries: int) -> Judgement:
    if not error.retriable:  # Its quota is used up: no wait helps, another key does.
        return Judgement(verdict=Verdict(key_seconds=REFUSED_SECONDS), again=True, except_key=True)
    wait = error.retry_after if error.retry_after is not None else 2.0 ** (tries - 1)
    # One that says "at once" would be asked all its tries at once.
    limited = max(wait, FIRST_WAIT_SECONDS)
    return Judgement(verdict=Verdict(limited_seconds=limited), again=True)


def pause_before(tries: int, chance: float, longest: float) -> float:
    """Seconds to wait before asking the same one again: twice as long each time, and by chance, so
    that those who failed together do not come again together. `chance`: from 0 up to 1.
    """
    wait = FIRST_WAIT_SECONDS * 2.0 ** (tries - 1)
    return min(wait, longest) * (0.5 + chance / 2)


def nobody(found: NoRoom) -> ProviderError:
    """Nobody may be asked, and it takes too long until somebody may."""
    if found.why is Why.OPEN:
        when = waiting.in_short(found.seconds)
        return ProviderError(
            failures.SERVER_ERROR,
            "The model's provider failed too often just now, and is left alone for a while; try "
            f"again in {when}.",
            retry_after=found.seconds,
            retriable=True,
        )
    wait = found.seconds if found.why is Why.LIMITED else None
    error = reports.of_status(429, retry_after=wait)
    error.status = None  # It was not upstream that said so.
    return error


def unserved(model: str) -> ProviderError:
    return ProviderError(
        failures.MODEL_NOT_FOUND,
        f"No provider of this service offers the model {model!r}. Choose another model.",
    )
