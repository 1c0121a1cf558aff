"""How long the pulse waits between two beats: longer while the process has no time. Pure.

Each beat costs something for every response that spoke, however little it said. With many streams a
pulse of 45 ms finds a token of each, and the process is busy with its beats alone; at three times
the interval it finds three, for the same price.
"""

# Of a core. What is above it is wanted for starts, reads and control.
BUSY = 0.4
# Still a quarter of a second at most from a token to the next, with what else takes time.
LONGEST_SECONDS = 0.16
# How much of a beat's finding goes into the next interval: a single slow beat says little.
WEIGHT = 0.125


class Pace:
    """`seconds` is the interval: the shortest, which is configured, unless the process is busy."""

    def __init__(self, shortest: float) -> None:
        self.seconds = shortest
        self._shortest = shortest
        self._longest = max(shortest, LONGEST_SECONDS)

    def learn(self, busy: float, late_seconds: float = 0.0) -> None:
        """`busy`: the share of a core that the process took since the last beat. `late_seconds`:
        how long after its time the beat could begin, for others may have the core.
        """
        if late_seconds > self.seconds / 2:
            busy = 1.0
        wanted = self.seconds * busy / BUSY
        learnt = self.seconds + WEIGHT * (wanted - self.seconds)
        self.seconds = min(max(learnt, self._shortest), self._longest)
