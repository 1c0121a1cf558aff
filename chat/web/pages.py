"""The pages of a person who is signed in, and what their sidebar asks for.

Owns what the browser reads over plain HTTP; everything about a conversation's content goes over the
socket. What is not the asker's own looks as if it did not exist.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import OperationalError
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from chat import services
from chat.models import Conversation
from chat.protocol.errors import NotFound, Unavailable
from chat.web import modules
from chat.web.forms import TitleForm

CONVERSATIONS_A_PAGE = 30
MAX_SEARCH_CHARS = 200
MAX_PROMPT_BYTES = 1024 * 1024  # More than models read.
FRAME_ROOM_BYTES = 512  # What a frame holds beside its prompt: its type, and ids.


View = Callable[..., HttpResponse]


def answers_json(view: View) -> View:
    """What the sidebar asks: while Postgres is away, or holds a row too long, it is told so."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Unavailable as error:
            return _refusal(error.status, error.code, error.message)
        except OperationalError:
            return _refusal(503, "unavailable", "The service is not ready. Try again in 1s.")

    return answered


@require_GET
@login_required
@never_cache
@ensure_csrf_cookie
def home(request: HttpRequest) -> HttpResponse:
    """A conversation that does not exist until its first prompt."""
    return _chat_page(request, None)


@require_GET
@login_required
@never_cache
@ensure_csrf_cookie
def conversation(request: HttpRequest, conversation_id: str) -> HttpResponse:
    return _chat_page(request, _own(request, conversation_id))


def _chat_page(request: HttpRequest, shown: Conversation | None) -> HttpResponse:
    page = {
        "user": request.user.get_username(),
        "conversation": _row(shown) if shown else None,
        "conversations": _list(request, "", ""),
        "models": async_to_sync(services.available_models)(),
        "max_prompt_bytes": min(MAX_PROMPT_BYTES, settings.CHAT.max_frame_bytes - FRAME_ROOM_BYTES),
        "addresses": {
            "home": reverse("home"),
            "conversations": reverse("conversations"),
            "conversation": reverse("conversation", args=["ID"]),
            "rename": reverse("rename_conversation", args=["ID"]),
            "delete": reverse("delete_conversation", args=["ID"]),
            "sign_in": reverse("account_login"),
        },
    }
    title = shown.title if shown else ""
    return render(
        request, "chat/page.html", {"page": page, "title": title, "modules": modules.imported()}
    )


@require_http_methods(["GET", "POST"])
@never_cache
@answers_json
def conversations(request: HttpRequest) -> HttpResponse:
    """GET: a page of the sidebar, by `q` in the title, after the row `before`. POST: a new one."""
    if not request.user.is_authenticated:
        return _signed_out()
    if request.method == "POST":
        made = async_to_sync(services.create_conversation)(request.user.pk)
        return JsonResponse({"id": made, "title": ""}, status=201)
    found = _list(request, request.GET.get("q", ""), request.GET.get("before", ""))
    return JsonResponse(found)


@require_POST
@answers_json
def rename(request: HttpRequest, conversation_id: str) -> HttpResponse:
    if not request.user.is_authenticated:
        return _signed_out()
    form = TitleForm(_body(request))
    if not form.is_valid():
        return _refusal(400, "invalid_title", " ".join(map(str, form.errors["title"])))
    title = form.cleaned_data["title"]
    try:
        async_to_sync(services.rename_conversation)(request.user.pk, conversation_id, title)
    except NotFound as error:
        return _refusal(404, error.code, error.message)
    return JsonResponse({"id": conversation_id, "title": title})


@require_POST
@answers_json
def delete(request: HttpRequest, conversation_id: str) -> HttpResponse:
    if not request.user.is_authenticated:
        return _signed_out()
    try:
        async_to_sync(services.delete_conversation)(request.user.pk, conversation_id)
    except NotFound as error:
        return _refusal(404, error.code, error.message)
    return JsonResponse({"id": conversation_id, "deleted": True})


def _own(request: HttpRequest, conversation_id: str) -> Conversation:
    found = Conversation.objects.filter(owner_id=request.user.pk, id=conversation_id).first()
    if found is None:
        raise Http404("There is no such conversation.")
    return found


def _list(request: HttpRequest, search: str, before: str) -> dict[str, Any]:
    """Newest first. `before` is the `next` of the page before; None when there is no more."""
    rows = _after(_found(request, search), before)
    page = list(rows.order_by("-updated_at", "-id")[: CONVERSATIONS_A_PAGE + 1])
    shown = page[:CONVERSATIONS_A_PAGE]
    has_more = len(page) > len(shown)
    last = f"{shown[-1].updated_at.isoformat()}_{shown[-1].id}" if has_more else None
    return {"conversations": [_row(each) for each in shown], "next": last}


def _found(request: HttpRequest, search: str) -> QuerySet[Conversation]:
    rows = Conversation.objects.filter(
        # One whose first prompt never arrived has neither items nor a name.
        Q(next_position__gt=0) | ~Q(title=""),
        owner_id=request.user.pk,
        origin=Conversation.Origin.WEB,
    ).only("id", "title", "updated_at")
    # Postgres takes no NUL.
    for word in search.replace("\x00", "")[:MAX_SEARCH_CHARS].split():
        rows = rows.filter(title__icontains=word)
    return rows


def _after(rows: QuerySet[Conversation], before: str) -> QuerySet[Conversation]:
    moment, _, conversation_id = before.partition("_")
    try:
        updated_at = datetime.fromisoformat(moment)
    except ValueError:
        return rows
    if updated_at.tzinfo is None or "\x00" in conversation_id:
        return rows
    return rows.filter(
        Q(updated_at__lt=updated_at) | Q(updated_at=updated_at, id__lt=conversation_id)
    )


def _row(each: Conversation) -> dict[str, Any]:
    return {"id": each.id, "title": each.title, "updated_at": each.updated_at.isoformat()}


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _signed_out() -> JsonResponse:
    return _refusal(401, "signed_out", "Sign in again.")


def _refusal(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"error": {"code": code, "message": message}}, status=status)
