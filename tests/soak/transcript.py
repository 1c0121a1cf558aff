"""What one screen saw of its responses, and what was wrong with it. Pure.

A screen outlives its connections: what it knows before a reconnect has to go on behind it, without
a hole, a double or another text.
"""

from dataclasses import dataclass, field
from typing import Any

TERMINAL = ("response.completed", "response.incomplete", "response.failed")
# What bears the id of a response and is none of its numbered events.
UNNUMBERED = ("error", "response.steer.", "interject:")

Frame = dict[str, Any]


@dataclass
class Shown:
    """A response, as the screen has it. `tag`: of the prompt or steer that asked for it."""

    tag: str
    number: int = -1
    text: str = ""
    status: str = "in_progress"
    conversation_id: str | None = None

    @property
    def ended(self) -> bool:
        return self.status not in ("queued", "in_progress")


@dataclass
class Transcript:
    """`responses` by id; `answers` are the frames about a frame of ours, by its `event_id`."""

    responses: dict[str, Shown] = field(default_factory=dict)
    answers: dict[str, list[Frame]] = field(default_factory=dict)
    receipts: set[str] = field(default_factory=set)
    snapshots: int = 0
    faults: list[str] = field(default_factory=list)

    def take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "interject:snapshot":
            self._snapshot(frame)
        elif kind == "interject:cancelled":
            self.receipts.add(frame["response_id"])
        elif not kind.startswith(UNNUMBERED):
            self._event(kind, frame)
            return
        name = frame.get("target_event_id") or frame.get("event_id")
        if name:
            self.answers.setdefault(name, []).append(frame)

    def by_tag(self, tag: str) -> Shown | None:
        return next((each for each in self.responses.values() if each.tag == tag), None)

    def cursors(self) -> list[Frame]:
        """What a follower names: everything that has not ended, and the latest."""
        latest = list(self.responses)[-1:]
        return [
            {"response_id": id_, "sequence_number": each.number}
            for id_, each in self.responses.items()
            if each.number >= 0 and (not each.ended or id_ in latest)
        ]

    def kinds(self, name: str) -> list[str]:
        """The types of the frames about the frame of ours with this `event_id`."""
        return [each["type"] for each in self.answers.get(name, ())]

    # --- events

    def _event(self, kind: str, frame: Frame) -> None:
        response_id, number = frame["response_id"], frame["sequence_number"]
        shown = self.responses.get(response_id)
        if shown is None:
            shown = self.responses[response_id] = Shown(tag="")
        if number != shown.number + 1:
            word = "a double" if number <= shown.number else "a hole"
            self.faults.append(f"{word}: {response_id} went from {shown.number} to {number}")
        if shown.ended:
            self.faults.append(f"{response_id} went on after its end with {kind}")
        shown.number = number
        if kind == "response.created":
            self._created(shown, frame["response"])
        elif kind == "response.output_text.delta":
            shown.text += frame["delta"]
        elif kind in TERMINAL:
            shown.status = frame["response"]["status"]

    def _created(self, shown: Shown, response: Frame) -> None:
        shown.tag = _tag(response)
        shown.conversation_id = (response.get("conversation") or {}).get("id")

    # --- snapshots

    def _snapshot(self, frame: Frame) -> None:
        self.snapshots += 1
        texts: dict[str, str] = {}
        for item in frame["items"]:
            if item["direction"] == "output" and item["type"] == "message":
                said = "".join(part.get("text", "") for part in item["content"])
                texts[item["response_id"]] = texts.get(item["response_id"], "") + said
        for response in frame["responses"]:
            self._told(response, texts.get(response["id"], ""), frame["conversation"]["id"])

    def _told(self, response: Frame, text: str, conversation_id: str) -> None:
        id_, number = response["id"], response["sequence_number"]
        before = self.responses.get(id_, Shown(tag=""))
        if number < before.number:
            self.faults.append(f"a snapshot went back: {id_} from {before.number} to {number}")
        if not text.startswith(before.text):
            self.faults.append(f"a snapshot has another text of {id_} than was shown before")
        self.responses[id_] = Shown(
            _tag(response), number, text, response["status"], conversation_id
        )


def _tag(response: Frame) -> str:
    """Who asked: the prompt, or the last of the steers."""
    asked: list[str] = response["interject"]["event_ids"]
    return asked[-1] if asked else ""
