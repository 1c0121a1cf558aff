"""The bare relay: the least that streams a model's tokens to a browser, as the yardstick.

uvicorn and httpx, a WebSocket frame a token; no database, no layer, no stop, nothing kept. A
process of its own: `python -m tests.bench.bare --port N --upstream URL`.
"""

import argparse
import json
from typing import Any

import httpx2
import uvicorn


class Relay:
    """An ASGI application of one address. `{"prompt": …}` in; deltas and one `done` out."""

    def __init__(self, upstream: str) -> None:
        self._url = upstream + "/chat/completions"
        # A pool of 100, as it is by default, would hold the other 400 streams back.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=100)
        self._client = httpx2.AsyncClient(limits=limits, timeout=60)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await self._answer(json.loads(message["text"])["prompt"], send)

    async def _answer(self, prompt: str, send: Any) -> None:
        asked = {
            "model": "bench",
            "stream": True,
            "messages": [{"role": "user", "content": prompt}],
        }
        async with self._client.stream("POST", self._url, json=asked) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                for choice in json.loads(line[6:])["choices"]:
                    if text := choice["delta"].get("content"):
                        frame = json.dumps({"type": "delta", "delta": text})
                        await send({"type": "websocket.send", "text": frame})
        await send({"type": "websocket.send", "text": json.dumps({"type": "done"})})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--upstream", required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        Relay(arguments.upstream),
        host="127.0.0.1",
        port=arguments.port,
        lifespan="off",
        log_level="warning",
    )
