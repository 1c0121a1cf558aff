"""Static files, by WhiteNoise, before Django is asked.

As a middleware of Django's, which knows no asyncio, it would cost every request two changes of
thread. A page asks for some fifty files. They are read on the event loop: so small, and out of the
system's memory, that a thread would cost more.
"""

from typing import Any

from whitenoise.middleware import WhiteNoiseMiddleware

PIECE_BYTES = 64 * 1024
# What is no script must not be taken for one, as Django says of its pages.
NO_GUESSING = (b"x-content-type-options", b"nosniff")


class StaticFiles:
    """Serves what is below `STATIC_URL`, and leaves the rest to the application."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._whitenoise = WhiteNoiseMiddleware(application)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        file = self._find(scope["path"])
        if file is None:
            await self._application(scope, receive, send)
            return
        answer = file.get_response(scope["method"], _as_wsgi(scope["headers"]))
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers]
        headers.append(NO_GUESSING)
        status = int(answer.status)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if answer.file is not None:
            with answer.file:
                while piece := answer.file.read(PIECE_BYTES):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    def _find(self, path: str) -> Any:
        if self._whitenoise.autorefresh:
            return self._whitenoise.find_file(path)
        return self._whitenoise.files.get(path)


def _as_wsgi(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {
        "HTTP_" + name.decode("latin1").upper().replace("-", "_"): value.decode("latin1")
        for name, value in headers
    }
