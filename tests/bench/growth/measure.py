"""The four growths, each on the inline service on uvicorn, and on the cluster where it matters."""

from dataclasses import dataclass
from typing import Any

from tests.bench.figures import percentile
from tests.bench.growth import kept
from tests.bench.growth.chart import Chart, Panel
from tests.bench.house import Contestant, House, Load
from tests.bench.plan import Plan
from tests.bench.progress import said
from tests.bench.run import CLUSTER

ACCOUNTS = 100
SERVER = "uvicorn"
INLINE = "inline"
BARE = "bare"
MB = 1_000_000
# Clocks of processor time tick a hundred times a second: what is short is done more often.
LEAST_TOKENS = 20_000
STREAMS_OF_A_LENGTH = 4
FASTEST_PER_SECOND = 1_000
SHORTEST_SECONDS = 4
WARM_UPS = 3


@dataclass(frozen=True, kw_only=True)
class Sizes:
    streams: tuple[int, ...]
    conversations: tuple[int, ...]
    lengths: tuple[int, ...]
    followers: tuple[int, ...]
    singles: int
    tokens: int


USUAL = Sizes(
    streams=(1, 10, 100, 500),
    conversations=(10, 100, 1_000, 10_000, 100_000),
    lengths=(100, 1_000, 10_000, 100_000),
    followers=(1, 5, 20, 50, 100, 200),
    singles=15,
    tokens=LEAST_TOKENS,
)
QUICK = Sizes(
    streams=(1, 10, 50),
    conversations=(10, 1_000),
    lengths=(100, 1_000),
    followers=(1, 10),
    singles=3,
    tokens=2_000,
)


class Growth:
    """The measurements. Each makes its own contestants, which are gone when it is done."""

    def __init__(self, house: House, sizes: Sizes) -> None:
        self._house = house
        self._sizes = sizes
        self._cookie = house.prepare(ACCOUNTS, [20])["cookie"]
        self._load: Load = house.load()

    def streams(self) -> Chart:
        """The same speed for all, so that only their number differs."""
        micros, first, gaps = (
            Panel("CPU a token", "µs"), Panel("first token, p50", "ms"), Panel("gap, p99", "ms"),
        )  # fmt: skip
        sizes = self._sizes.streams
        with self._house.processes.for_a_while():
            everybody = {BARE: self._house.bare(), **self._ours("streams")}
            self._warm_up(everybody)
            for count in sizes:
                for name, each in everybody.items():
                    with said(f"{count} streams, {name}"):
                        found = self._streams(each, count, 400 if count == 1 else 100, 20, name)
                    micros.add(name, found["micros"]["server"])
                    first.add(name, found["first_p50"])
                    gaps.add(name, found["gap_p99"])
        return Chart("streams", "Streams at once", "streams", sizes, [micros, first, gaps])

    def conversations(self) -> Chart:
        """All of one account, whose page and sidebar are asked for."""
        names = ("a page", "the sidebar", "a search", "a snapshot", "a prompt's first token")
        panel = Panel("time", "ms")
        sizes, have = self._sizes.conversations, 0
        with self._house.processes.for_a_while():
            each = self._house.inline("conversations", SERVER)
            target = each.target
            self._warm_up({"conversations": each})
            url = self._house.database_url("conversations")
            for count in sizes:
                with said(f"{count} kept conversations"):
                    one = kept.grow(url, have, count)
                    have = count
                    paths = [f"/c/{one}/", "/conversations", "/conversations?q=number+1"]
                    found = self._load.do("pages", target=target, cookie=self._cookie, paths=paths)
                    (opened,) = self._load.do("open", target=target, ids=[one])
                    first = self._load.do(
                        "one by one", target=target, tag=f"kept-{count}", count=self._sizes.singles
                    )
                for name, value in zip(
                    names, [*found, opened["p50"], percentile(first, 50)], strict=True
                ):
                    panel.add(name, value)
        title = "Conversations kept"
        return Chart("conversations", title, "conversations of the account", sizes, [panel])

    def lengths(self) -> Chart:
        """Some answers at once, at the same speed; joined at several points of another one."""
        micros, joins, memory = (
            Panel("CPU a token", "µs"), Panel("join", "ms"), Panel("memory", "MB"),
        )  # fmt: skip
        sizes = self._sizes.lengths
        for tokens in sizes:
            with said(f"answers of {tokens} tokens"), self._house.processes.for_a_while():
                each = self._house.inline(f"lengths {tokens}", SERVER)
                self._warm_up({f"length-{tokens}": each})
                rounds = max(1, self._sizes.tokens // (STREAMS_OF_A_LENGTH * tokens))
                found = [
                    self._streams(
                        each, STREAMS_OF_A_LENGTH, tokens, FASTEST_PER_SECOND, f"length-{number}"
                    )
                    for number in range(rounds)
                ]
                speed = min(FASTEST_PER_SECOND, tokens / SHORTEST_SECONDS)
                plan = Plan(f"join-{tokens}", tokens, speed)
                joined = self._load.do("join", target=each.target, plan=plan)
            micros.add(INLINE, sum(one["micros"]["server"] for one in found) / rounds)
            joins.add("p50", joined["p50"])
            joins.add("most", joined["max"])
            memory.add(INLINE, max(one["rss"][0] for one in found) / MB)
        return Chart("lengths", "Length of an answer", "tokens", sizes, [micros, joins, memory])

    def followers(self) -> Chart:
        micros = Panel("CPU a delivered token", "µs")
        sizes = self._sizes.followers
        with self._house.processes.for_a_while():
            ours = self._ours("followers")
            self._warm_up(ours)
            for name, each in ours.items():
                for count in sizes:
                    with said(f"{count} followers, {name}"):
                        tokens = max(150, self._sizes.tokens // count // 40)
                        found = self._load.do(
                            "followers",
                            target=each.target,
                            tag=f"followers-{name}-{count}",
                            count=count,
                            tokens=tokens,
                        )
                    micros.add(name, found["micros"])
        return Chart("followers", "Followers of one response", "followers", sizes, [micros])

    def _ours(self, what: str) -> dict[str, Contestant]:
        return {
            INLINE: self._house.inline(f"{INLINE} {what}", SERVER),
            CLUSTER: self._house.cluster(f"{CLUSTER} {what}", SERVER),
        }

    def _warm_up(self, contestants: dict[str, Contestant]) -> None:
        """What is made with the first prompts is not theirs."""
        for name, each in contestants.items():
            tag = f"warm-{each.target.pid}-{name}"
            self._load.do("one by one", target=each.target, tag=tag, count=WARM_UPS)

    def _streams(
        self, each: Contestant, count: int, tokens: int, per_second: float, tag: str
    ) -> dict[str, Any]:
        found: dict[str, Any] = self._load.do(
            "streams",
            target=each.target,
            tag=f"{tag}-{count}-{tokens}",
            count=count,
            tokens=tokens,
            per_second=per_second,
            beside={},
        )
        return found
