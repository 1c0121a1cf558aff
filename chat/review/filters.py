"""Narrowing a list: by model, by status, by what people thought of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.http import HttpRequest

from chat.models import Feedback, Response
from chat.protocol import lifecycle
from chat.protocol.events import CACHE_HIT, CACHE_MISS

# Models and error codes on offer are those seen lately: reading all responses would take seconds.
LATELY = 2_000
LIVE = "live"

Choices = Iterable[tuple[str, str]]


class Filter(admin.SimpleListFilter, ABC):
    """A filter that knows one condition."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset.filter(self.condition(value)) if value else queryset

    @abstractmethod
    def condition(self, value: str) -> Q | Exists: ...

    if TYPE_CHECKING:

        def value(self) -> str | None: ...


def _statuses() -> Choices:
    return [
        (LIVE, "live"),
        *((each, each) for each in lifecycle.STATUSES if each in lifecycle.ENDED),
    ]


def _status_is(value: str) -> Q:
    return Q(status__in=lifecycle.LIVE) if value == LIVE else Q(status=value)


def _seen_lately(what: str | KeyTextTransform) -> Choices:
    # By their end, because there is an index in that order; live ones come first.
    recent = Response.objects.order_by("-ended_at").values_list(what)[:LATELY]
    return [(value, value) for value in sorted({value for (value,) in recent if value})]


def _models() -> Choices:
    return _seen_lately("model")


def _error_codes() -> Choices:
    return _seen_lately(KeyTextTransform("code", "error"))


class ConversationModelFilter(Filter):
    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _models()

    def condition(self, value: str) -> Exists:
        return _has_response(Q(model=value))


class ConversationStatusFilter(Filter):
    """Any response with the status is enough."""

    title = "status of a response"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _statuses()

    def condition(self, value: str) -> Exists:
        return _has_response(_status_is(value))


class ConversationRatingFilter(Filter):
    title = "rating"
    parameter_name = "rating"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [
            ("good", "good"), ("bad", "bad"), ("comment", "with a comment"), ("none", "none"),
        ]  # fmt: skip

    def condition(self, value: str) -> Q | Exists:
        given = Feedback.objects.filter(response__conversation_id=OuterRef("pk"))
        if value == "none":
            return ~Q(Exists(given.exclude(rating=0)))
        wanted = {"good": Q(rating=1), "bad": Q(rating=-1), "comment": ~Q(comment="")}
        return Exists(given.filter(wanted[value])) if value in wanted else Q()


def _has_response(condition: Q) -> Exists:
    return Exists(Response.objects.filter(condition, conversation_id=OuterRef("pk")))


class ResponseModelFilter(Filter):
    title = "model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _models()

    def condition(self, value: str) -> Q:
        return Q(model=value)


class ResponseProviderFilter(Filter):
    title = "provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _seen_lately("provider")

    def condition(self, value: str) -> Q:
        return Q(provider=value)


class ResponseSwitchFilter(Filter):
    title = "failover"
    parameter_name = "switched"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", "another provider took over")]

    def condition(self, value: str) -> Q:
        return ~Q(switches=[])


class ResponseCacheFilter(Filter):
    title = "cache"
    parameter_name = "cache"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(CACHE_HIT, "answered from it"), (CACHE_MISS, "asked upstream")]

    def condition(self, value: str) -> Q:
        return Q(cache=value)


class ResponseStatusFilter(Filter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _statuses()

    def condition(self, value: str) -> Q:
        return _status_is(value)


class ResponseErrorFilter(Filter):
    title = "error"
    parameter_name = "error"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return _error_codes()

    def condition(self, value: str) -> Q:
        return Q(error__code=value)


class ResponseRatingFilter(Filter):
    title = "rating"
    parameter_name = "rating"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("good", "good"), ("bad", "bad")]

    def condition(self, value: str) -> Q | Exists:
        rating = {"good": 1, "bad": -1}.get(value)
        if rating is None:
            return Q()
        return Exists(Feedback.objects.filter(response_id=OuterRef("pk"), rating=rating))


class FeedbackRatingFilter(Filter):
    title = "rating"
    parameter_name = "rating"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("good", "good"), ("bad", "bad"), ("none", "taken back")]

    def condition(self, value: str) -> Q:
        rating = {"good": 1, "bad": -1, "none": 0}.get(value)
        return Q() if rating is None else Q(rating=rating)


class FeedbackCommentFilter(Filter):
    title = "comment"
    parameter_name = "comment"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("yes", "with a comment"), ("no", "without")]

    def condition(self, value: str) -> Q:
        return Q(comment="") if value == "no" else ~Q(comment="")


class KeyRevokedFilter(Filter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("valid", "valid"), ("revoked", "revoked")]

    def condition(self, value: str) -> Q:
        return Q(revoked_at__isnull=value != "revoked")
