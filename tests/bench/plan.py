"""What an answer of the bench's upstream shall be, written into the prompt. Pure.

Upstream and load agree on it without talking to each other: the load knows every character that has
to arrive, whoever carries it.
"""

import re
from binascii import crc_hqx
from typing import NamedTuple

# A token is a space and its number: what is lost, doubled or swapped shows in the text.
TOKEN_CHARS = 5

_PLAN = re.compile(r"bench (\S+) (\d+) (\S+) (\S+) (\S+) end")


class Plan(NamedTuple):
    """`per_second` 0: as fast as it goes. Seconds are waited before the first token and after the
    last one. `tag` is unique to the answer."""

    tag: str
    tokens: int = 200
    per_second: float = 50.0
    first_seconds: float = 0.0
    last_seconds: float = 0.0

    @property
    def prompt(self) -> str:
        return (
            f"bench {self.tag} {self.tokens} {self.per_second:g} {self.first_seconds:g} "
            f"{self.last_seconds:g} end"
        )

    @property
    def text(self) -> str:
        return "".join(map(token, range(self.tokens)))

    @property
    def seconds(self) -> float:
        """How long upstream takes when it keeps to its schedule."""
        spoken = self.tokens / self.per_second if self.per_second else 0.0
        return self.first_seconds + spoken + self.last_seconds


def token(number: int) -> str:
    return f" {number:04x}"


def token_of(tag: str, number: int) -> str:
    """A token that no other answer has at its place, so that a swap of two answers shows too."""
    return f" {crc_hqx(tag.encode(), 0):04x}.{number:04x}"


def asked_for(request: str) -> Plan:
    """The plan that a request holds; the last one, for a prompt may follow older ones."""
    tag, tokens, per_second, first, last = _PLAN.findall(request)[-1]
    return Plan(tag, int(tokens), float(per_second), float(first), float(last))
