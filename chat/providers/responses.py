"""The provider that speaks the Responses API, with any server that does, by the `openai` client.

Owns which of our modules speak that API. Must not know limits, connections nor failures. Nothing is
stored upstream: the whole context goes with each request.
"""

import hashlib

from chat.providers.base import Limits, ModelRequest
from chat.providers.http_provider import Body, HttpProvider
from chat.providers.responses_answer import ResponsesAnswer
from chat.providers.responses_parameters import body, wants_logprobs

ORIGIN_CHARS = 12


class ResponsesProvider(HttpProvider):
    """One upstream. `base_url` is OpenAI's own if empty; without `api_key` no key is sent."""

    path = "/responses"

    def __init__(
        self,
        *,
        base_url: str = "",
        api_key: str = "",
        limits: Limits | None = None,
        name: str = "responses",
    ) -> None:
        super().__init__(base_url=base_url, api_key=api_key, limits=limits, name=name)
        # What it seals goes back to it only. Clients see this, so it names nobody.
        place = f"{name} {self._client.base_url}".encode()
        self._origin = hashlib.sha256(place).hexdigest()[:ORIGIN_CHARS]

    def _wording(self, request: ModelRequest) -> Body:
        return body(request, openai=self._is_openai, origin=self._origin)

    def _answer(self, request: ModelRequest) -> ResponsesAnswer:
        return ResponsesAnswer(self._limits, logprobs=wants_logprobs(request), origin=self._origin)
