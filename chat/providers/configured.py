"""The provider that the settings ask for: upstream if one is named, else the demo."""

from django.conf import settings
from django.utils.module_loading import import_string

from chat.providers.base import Limits, Provider
from chat.providers.catalogue import Catalogue
from chat.providers.demo import DemoProvider

# By name: the SDK under it takes a second to load, which every other command would spend as well.
CHAT_COMPLETIONS = "chat.providers.chat_completions.ChatCompletionsProvider"


def configured_catalogue() -> Catalogue:
    return Catalogue(_provider(), settings.CHAT.models)


def _provider() -> Provider:
    chat = settings.CHAT
    if not settings.OPENAI_API_KEY and not settings.OPENAI_BASE_URL:
        return DemoProvider(words_per_second=chat.demo_words_per_second)
    limits = Limits(
        connect_seconds=chat.connect_seconds,
        first_delta_seconds=chat.first_delta_seconds,
        silence_seconds=chat.silence_seconds,
        total_seconds=chat.total_seconds,
        line_bytes=chat.line_bytes,
        answer_chars=chat.answer_chars,
    )
    provider: Provider = import_string(CHAT_COMPLETIONS)(
        base_url=settings.OPENAI_BASE_URL, api_key=settings.OPENAI_API_KEY, limits=limits
    )
    return provider
