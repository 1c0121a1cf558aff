"""Which model a prompt may ask for."""

from chat.engine.process import Engine, current_engine
from chat.protocol.errors import Unavailable
from chat.providers.base import ProviderError


async def choose_model(engine: Engine, model: str | None) -> str:
    """The model meant. `BadRequest`: it is not offered. `Unavailable`: upstream cannot say."""
    try:
        return await engine.catalogue.choose(model)
    except ProviderError as error:
        raise Unavailable(error.code, error.message) from error


async def available_models() -> list[str]:
    """The models on offer, the default first; empty while upstream cannot say."""
    engine = await current_engine()
    try:
        return await engine.catalogue.models()
    except ProviderError:
        return []
