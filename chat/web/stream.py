"""One response on its way to one viewer."""

import json

from chat.protocol.follower import Follower


class Stream:
    """`own`: the connection started it. `held`: a snapshot is being read, nothing goes out."""

    def __init__(
        self,
        response_id: str,
        conversation_id: str | None,
        *,
        next_number: int = 0,
        stream_id: str | None = None,
        own: bool = False,
    ) -> None:
        self.response_id = response_id
        self.conversation_id = conversation_id
        self.follower = Follower(next_number)
        self.stream_id = stream_id
        self.own = own
        self.held = False

    def stamp(self, frame: str) -> str:
        """The frame with the connection's own name for the stream, which the log never has."""
        if self.stream_id is None:
            return frame
        return f'{{"stream_id":{json.dumps(self.stream_id)},{frame[1:]}'
