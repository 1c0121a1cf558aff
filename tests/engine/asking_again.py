"""Asking an engine that keeps answers, and looking at what it keeps."""

from typing import Any

from chat.engine.caching import Policy
from chat.engine.process import Engine
from tests.engine.viewer import Viewer

POLICY = Policy(scope="user", models=frozenset(["test-model"]), seconds=3600, answer_bytes=100_000)


async def ask(viewer: Viewer, text: Any = "hello", **fields: Any) -> dict[str, Any]:
    """Prompt. Returns the response as it ended, when all that follows was done."""
    event_id = viewer.send("response.create", input=text, **fields)

    def ended() -> dict[str, Any] | None:
        for response in viewer.endings.values():
            if event_id in response["interject"]["event_ids"]:
                return response
        return None

    await viewer.until(ended, f"the end of {text}")
    response = ended()
    assert response is not None
    await settled(viewer.engine)
    return response


async def settled(engine: Engine) -> None:
    """Until what is done beside everything else is done."""
    await engine.dispatcher._work.finish(10)


def found(response: dict[str, Any]) -> str | None:
    """Whether its answer was found in the cache."""
    return response["interject"].get("cache")


def texts(response: dict[str, Any]) -> list[str]:
    return [part["text"] for item in response["output"] for part in item.get("content", ())]


async def execute(engine: Engine, statement: str, *parameters: Any) -> int:
    async with engine.pool.connection() as connection:
        return (await connection.execute(statement, parameters)).rowcount


async def kept_of(viewer: Viewer) -> int:
    statement = "SELECT FROM cached_answer WHERE user_id = %s"
    return await execute(viewer.engine, statement, viewer.identity.user_id)
