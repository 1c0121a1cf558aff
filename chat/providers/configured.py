"""The providers that the settings ask for, behind one catalogue: those of the file of providers,
or else the one upstream that is named, or else the demo.
"""

import time
from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from chat.providers.base import Limits, Provider
from chat.providers.breaker import Rules
from chat.providers.catalogue import Catalogue
from chat.providers.demo import DemoProvider
from chat.providers.ledger import Ledger, LocalLedger
from chat.providers.members import NO_KEY, Api, Key, Member
from chat.providers.pool import Pool
from chat.providers.retrying import Patience

# By name: the SDK under them takes a second to load, which every other command would spend as well.
PROVIDERS = {
    "chat_completions": "chat.providers.chat_completions.ChatCompletionsProvider",
    "responses": "chat.providers.responses.ResponsesProvider",
}
SHARED_LEDGER = "chat.providers.shared_ledger.SharedLedger"


def configured_catalogue() -> Catalogue:
    pool = _pool()
    return Catalogue(pool, settings.CHAT.models, is_whole=lambda: pool.all_have_listed)


def _pool() -> Pool:
    chat = settings.CHAT
    patience = Patience(
        tries=chat.upstream_tries,
        wait_seconds=chat.retry_wait_seconds,
        total_seconds=chat.retry_total_seconds,
    )
    members = settings.PROVIDERS or [_only_member()]
    return Pool(members, _provider, _ledger(), patience)


def _only_member() -> Member:
    if not settings.OPENAI_API_KEY and not settings.OPENAI_BASE_URL:
        return Member(name="demo", api="demo")
    return Member(
        name=settings.OPENAI_API,
        api=cast(Api, settings.OPENAI_API),
        base_url=settings.OPENAI_BASE_URL,
        keys=[Key("OPENAI_API_KEY", settings.OPENAI_API_KEY)]
        if settings.OPENAI_API_KEY
        else [NO_KEY],
    )


def _ledger() -> Ledger:
    chat = settings.CHAT
    if not settings.PROVIDERS:
        # With nobody else to ask, to leave it alone helps nobody, and there are no limits to share.
        return LocalLedger(Rules(failures=0))
    rules = Rules(
        failures=chat.breaker_failures,
        window_seconds=chat.breaker_window_seconds,
        open_seconds=chat.breaker_open_seconds,
    )
    if not settings.REDIS_URL:
        return LocalLedger(rules)
    ledger: Ledger = import_string(SHARED_LEDGER)(settings.REDIS_URL, rules, time.time)
    return ledger


def _provider(member: Member, secret: str) -> Provider:
    if member.api == "demo":
        return DemoProvider(words_per_second=settings.CHAT.demo_words_per_second)
    provider: Provider = import_string(PROVIDERS[member.api])(
        base_url=member.base_url,
        api_key=secret,
        limits=member.limits(_usual_limits()),
        name=member.name,
    )
    return provider


def _usual_limits() -> Limits:
    chat = settings.CHAT
    return Limits(
        connect_seconds=chat.connect_seconds,
        first_delta_seconds=chat.first_delta_seconds,
        silence_seconds=chat.silence_seconds,
        total_seconds=chat.total_seconds,
        line_bytes=chat.line_bytes,
        answer_chars=chat.answer_chars,
    )
