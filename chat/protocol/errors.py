"""What is answered to bad input: an error class that carries its wire code.

Types are OpenAI's, so that every client's own error classes fit.
"""

from typing import Any

INVALID_REQUEST = "invalid_request_error"
RATE_LIMIT = "rate_limit_error"
SERVER_ERROR = "server_error"


class WireError(Exception):
    """A refusal. `code` is for programs, `message` tells a person what to do."""

    type = INVALID_REQUEST
    status = 400

    def __init__(self, code: str, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param

    def payload(self) -> dict[str, Any]:
        """The `error` object, the same on every transport."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
        }


class BadRequest(WireError):
    """The frame cannot be done as it is."""


class NotFound(WireError):
    """There is no such thing, or it is somebody else's: the two look the same."""


class TooLarge(WireError):
    """The frame is over the limit."""

    status = 413


class Unauthorized(WireError):
    """The credential ended while the connection was open."""

    type = "authentication_error"
    status = 401


class RateLimited(WireError):
    """Too much at once. The message says the wait."""

    type = RATE_LIMIT
    status = 429


class Unavailable(WireError):
    """The service cannot do it now: it is stopping, or its database is away."""

    type = SERVER_ERROR
    status = 503


def error_frame(error: WireError, **echo: str | None) -> dict[str, Any]:
    """The frame that answers a refused frame on a socket. `echo`: ids that the frame bore."""
    frame: dict[str, Any] = {
        "type": "error",
        "status": error.status,
        "error": error.payload(),
    }
    frame.update({name: value for name, value in echo.items() if value is not None})
    return frame
