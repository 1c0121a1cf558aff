"""The provider that speaks Chat Completions, with any server that does, by the `openai` client.

Owns which of our modules speak that API. Must not know limits, connections nor failures.
"""

from chat.providers.base import Limits, ModelRequest
from chat.providers.chat_answer import ChatAnswer
from chat.providers.chat_parameters import body
from chat.providers.http_provider import Body, HttpProvider


class ChatCompletionsProvider(HttpProvider):
    """One upstream. `base_url` is OpenAI's own if empty; without `api_key` no key is sent."""

    path = "/chat/completions"

    def __init__(
        self,
        *,
        base_url: str = "",
        api_key: str = "",
        limits: Limits | None = None,
        name: str = "chat_completions",
    ) -> None:
        super().__init__(base_url=base_url, api_key=api_key, limits=limits, name=name)

    def _wording(self, request: ModelRequest) -> Body:
        return body(request, openai=self._is_openai)

    def _answer(self, request: ModelRequest) -> ChatAnswer:
        return ChatAnswer(self._limits)
