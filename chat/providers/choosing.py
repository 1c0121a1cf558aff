"""Who is asked first: priority, then weight, then chance. Pure, but for the dice it is handed.

Owns the order of candidates. Whether one of them has room, or rests, is the ledger's.
"""

import math
from collections.abc import Callable, Iterable
from operator import attrgetter

from chat.providers.members import Candidate, Member, key_id

Dice = Callable[[], float]


def candidates(members: Iterable[Member], model: str, dice: Dice) -> list[Candidate]:
    """Every key of the members, which all serve the model, in the order in which to ask.

    `dice` gives numbers from 0 up to 1.
    """
    by_chance = sorted(members, key=lambda member: _draw(member.weight, dice), reverse=True)
    return [
        _candidate(member, number, model)
        for member in sorted(by_chance, key=attrgetter("priority"))
        for number in _shuffled(len(member.keys), dice)
    ]


def _candidate(member: Member, number: int, model: str) -> Candidate:
    return Candidate(
        member=member.name,
        key=key_id(member.name, member.keys[number]),
        model=model,
        max_concurrent=member.max_concurrent,
        requests_per_minute=member.requests_per_minute,
    )


def _draw(weight: int, dice: Dice) -> float:
    # The highest of these is each one's with a chance of its share of all weights, and so is the
    # highest of those that remain (Efraimidis and Spirakis, 2006).
    return math.pow(dice(), 1 / weight)


def _shuffled(count: int, dice: Dice) -> list[int]:
    return sorted(range(count), key=lambda _: dice()) if count > 1 else list(range(count))
