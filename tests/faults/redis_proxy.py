"""A proxy in front of Redis, which may lose, double and reorder what is published."""

from collections.abc import Callable

from tests.faults.proxy import Proxy
from tests.faults.resp import Deliveries, Mischief


class RedisProxy(Proxy):
    """`mischief`: what it does to deliveries, until healed. Everything else passes as it is."""

    mischief: Mischief | None = None

    def heal(self) -> None:
        self.mischief = None
        super().heal()

    def altering(self) -> Callable[[bytes], bytes]:
        deliveries = Deliveries()
        return lambda data: deliveries.passed(data, self.mischief)
