"""What the parts of one connection share: who it is, what it may see, and the way out."""

from typing import Any

from chat.access import Identity
from chat.engine.process import Engine
from chat.protocol import ids
from chat.protocol.errors import WireError
from chat.protocol.requests import BadSteer, Command, Steer
from chat.services import Asker
from chat.web import frames
from chat.web.names import StreamNames
from chat.web.outbox import Outbox


class Connection:
    """`extended`: the client knows our extensions, for it sent one or said so in the address."""

    def __init__(
        self, engine: Engine, identity: Identity, outbox: Outbox, *, extended: bool
    ) -> None:
        self.engine = engine
        self.identity = identity
        self.outbox = outbox
        self.extended = extended
        self.connection_id = ids.connection_id()
        self.names = StreamNames()

    def asker(self, event_id: str | None = None, event_hash: str | None = None) -> Asker:
        return Asker(self.identity, self.connection_id, event_id, event_hash)

    def refuse(
        self,
        error: WireError,
        *,
        event_id: str | None = None,
        stream_id: str | None = None,
        response_id: str | None = None,
    ) -> None:
        about = error.previous_response_id if isinstance(error, BadSteer) else response_id
        number = self.outbox.last_sent(about) if about else 0
        name = stream_id or self.names.of(about)
        echo = {"event_id": event_id, "stream_id": name, "response_id": response_id}
        self.outbox.say(frames.refusal(error, echo, max(number, 0)))

    def refuse_command(self, error: WireError, command: Command) -> None:
        if isinstance(command, Steer):
            error = BadSteer.of(error, command)
        self.refuse(
            error,
            event_id=command.event_id,
            stream_id=getattr(command, "stream_id", None),
            response_id=getattr(command, "response_id", None),
        )

    def say_ours(self, kind: str, number: int = 0, **fields: Any) -> None:
        """One of our own frames, if the client knows them."""
        if self.extended:
            self.outbox.say(frames.ours(kind, number, **fields))
