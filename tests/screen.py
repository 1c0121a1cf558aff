"""What a browser makes of the frames of a conversation. Fails at once on a hole or a double.

Knows nothing of connections. An answer is told again from its first event only to a client that
sent its prompt again on this connection, and then says what it said before, to the letter.
"""

from typing import Any

NAMED = 20  # The latest responses that a viewer who comes back names, as the page does.
TERMINAL = {"response.completed", "response.incomplete", "response.failed"}


class Screen:
    """`steps` is everything that happened on its connections, for a second reading by the page.

    `numbers` are the last ones seen of each response. `asked_again` holds the `event_id`s of the
    prompts that were sent again on this connection.
    """

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.endings: dict[str, dict[str, Any]] = {}
        self.parents: dict[str, str | None] = {}
        self.origins: dict[str, set[str]] = {}
        self.frames: list[dict[str, Any]] = []
        self.steps: list[Any] = []
        self.asked_again: set[str] = set()
        self._texts_by_item: dict[str, dict[str, str]] = {}
        self._events: dict[tuple[str, int], dict[str, Any]] = {}
        self._replayed: dict[str, int] = {}

    def text(self, response_id: str) -> str:
        """The text of a response's messages, in order."""
        return "".join(self._texts_by_item.get(response_id, {}).values())

    def response_to(self, event_id: str) -> str | None:
        """The response that was begun for a frame."""
        for response_id, origins in self.origins.items():
            if event_id in origins:
                return response_id
        return None

    def cursors(self) -> list[dict[str, Any]]:
        """What a viewer who comes back names: all from some moment on, as the page does."""
        known = list(self.numbers)
        live = [place for place, each in enumerate(known) if each not in self.endings]
        known = known[min([*live, max(0, len(known) - NAMED)]) :]
        return [{"response_id": each, "sequence_number": self.numbers[each]} for each in known]

    # --- frames

    def opened(self) -> None:
        self.steps.append("opened")

    def closed(self) -> None:
        """Whatever was on its way is lost."""
        self.asked_again.clear()
        self._replayed.clear()
        self.steps.append("closed")

    def show(self, frame: dict[str, Any]) -> None:
        self.frames.append(frame)
        self.steps.append(frame)
        kind = frame["type"]
        if kind == "interject:snapshot":
            self._begin_with(frame)
        elif kind.startswith("response.steer."):
            return  # Speaks of a response, and is none of its events.
        elif "response_id" in frame and kind.startswith("response."):
            self._follow_event(frame)

    def _begin_with(self, snapshot: dict[str, Any]) -> None:
        for response in snapshot["responses"]:
            response_id = response["id"]
            self.numbers[response_id] = response["sequence_number"]
            self.parents[response_id] = response["previous_response_id"]
            self.origins[response_id] = _origins(response)
            self._texts_by_item[response_id] = {}
            if response["status"] not in ("queued", "in_progress"):
                self.endings[response_id] = response
        for item in snapshot["items"]:
            if item["direction"] == "output" and item["type"] == "message":
                said = "".join(part.get("text", "") for part in item["content"])
                self._texts_by_item[item["response_id"]][item["id"]] = said

    def _follow_event(self, event: dict[str, Any]) -> None:
        response_id, number = event["response_id"], event["sequence_number"]
        if self._is_told_again(event):
            return
        expected = self.numbers.get(response_id, -1) + 1
        assert number == expected, f"{response_id}: {number} came where {expected} was next"
        self.numbers[response_id] = number
        self._events[response_id, number] = event
        texts = self._texts_by_item.setdefault(response_id, {})
        if event["type"] == "response.created":
            self.parents[response_id] = event["response"]["previous_response_id"]
            self.origins[response_id] = _origins(event["response"])
        elif event["type"] == "response.output_text.delta":
            texts[event["item_id"]] = texts.get(event["item_id"], "") + event["delta"]
        elif event["type"] in TERMINAL:
            self.endings[response_id] = event["response"]

    def _is_told_again(self, event: dict[str, Any]) -> bool:
        response_id, number = event["response_id"], event["sequence_number"]
        if number == 0 and self.asked_again & self.origins.get(response_id, set()):
            self._replayed[response_id] = -1
        if response_id not in self._replayed:
            return False
        if number > self.numbers[response_id]:
            del self._replayed[response_id]
            return False
        expected = self._replayed[response_id] + 1
        assert number == expected, f"{response_id}: {number} came again where {expected} was next"
        before = self._events.get((response_id, number), event)
        assert event == before, f"{response_id}: {number} says something else than before"
        self._replayed[response_id] = number
        return True


def _origins(response: dict[str, Any]) -> set[str]:
    """The frames that asked for a response."""
    origin = response["interject"]
    return {each for each in (origin["event_id"], *(origin["event_ids"] or ())) if each}
