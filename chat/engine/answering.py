"""Who answers a response, and who was asked before: as the wire and the table have it."""

from collections.abc import Sequence
from typing import Any

from chat.protocol.deltas import ProviderChosen

Switch = dict[str, Any]


class Answering:
    """`provider` answers, or did last. `switches`: who took over from whom, oldest first.

    `cache`: whether the answer was found there; empty: nobody looked.
    """

    def __init__(self, provider: str, switches: Sequence[Switch] = ()) -> None:
        self.provider = provider
        self.switches = list(switches)
        self.cache = ""

    def take(self, chosen: ProviderChosen, now: float) -> Switch | None:
        """Another one answers from here on. None: nobody was asked before. `now`: of the epoch."""
        self.provider = chosen.name
        self.cache = chosen.cache or self.cache
        if chosen.before is None:
            return None
        switch = {"from": chosen.before, "to": chosen.name, "reason": chosen.reason, "at": now}
        self.switches.append(switch)
        return switch
