"""A Dockerfile, read: its stages and their instructions.

Knows what ours uses and refuses the rest, so that nothing in it goes unchecked by accident.
"""

import json
import re
import shlex
from dataclasses import dataclass, field

KNOWN = {"FROM", "WORKDIR", "ENV", "RUN", "COPY", "USER", "EXPOSE", "HEALTHCHECK", "CMD"}


@dataclass(frozen=True)
class Instruction:
    word: str
    rest: str

    @property
    def command(self) -> list[str]:
        """The list of CMD or HEALTHCHECK CMD, which must be in the form without a shell."""
        return list(json.loads(self.rest[self.rest.index("[") :]))

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.rest))

    @property
    def words(self) -> list[str]:
        return [word for word in shlex.split(self.rest) if not word.startswith("--")]


@dataclass
class Stage:
    base: str
    name: str | None
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, word: str) -> list[Instruction]:
        return [each for each in self.instructions if each.word == word]

    def last(self, word: str) -> Instruction:
        return self.all(word)[-1]


def parse(text: str) -> list[Stage]:
    stages: list[Stage] = []
    for line in _joined(text):
        word, _, rest = line.partition(" ")
        assert word in KNOWN, f"not an instruction that is checked: {line}"
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base.strip(), name.strip() or None))
        else:
            stages[-1].instructions.append(Instruction(word, rest.strip()))
    return stages


def _joined(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [line.strip() for line in whole.splitlines() if line.strip()]
