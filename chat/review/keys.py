"""API keys: whose they are, when they were used, and the end of them.

A key itself is nowhere to be seen: only its digest is kept, and even that is not shown.
"""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chat.models import ApiKey
from chat.review import badges
from chat.review.filters import KeyRevokedFilter
from chat.review.lists import ReviewAdmin, column, staff
from chat.review.plain import moment, one_line


class ApiKeyAdmin(ReviewAdmin):
    """Keys are made by `manage.py api_key`, which prints them once."""

    list_display = ("begins", "called", "by", "made", "last_used", "state")
    list_filter = (KeyRevokedFilter,)
    list_select_related = ("user",)
    ordering = ("-created_at",)
    search_fields = ("prefix", "name", "user__username")
    search_help_text = "The beginning of a key, its name, or its user."
    fields = ("prefix", "name", "user", "created_at", "last_used_at", "revoked_at")
    readonly_fields = ("user",)
    actions = ("revoke",)

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return staff(request).has_perm("chat.change_apikey")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # A digest could be guessed from the rows that a filter leaves.
        return not lookup.startswith("digest") and super().lookup_allowed(lookup, value, request)

    @admin.action(permissions=["revoke"], description="Revoke selected keys")
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        """From now on: a connection that was opened with one is closed within a second or so."""
        revoked = 0
        for key in queryset:
            if ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=Now()):
                self.log_change(request, key, "Revoked.")
                revoked += 1
        messages.success(request, f"{revoked} revoked.")

    @column("begins with", ordering="prefix")
    def begins(self, row: ApiKey) -> str:
        return f"{row.prefix}…"

    @column("name")
    def called(self, row: ApiKey) -> str:
        return one_line(row.name)

    @column("user", ordering="user")
    def by(self, row: ApiKey) -> str:
        return one_line(row.user.username)

    @column("created", ordering="created_at")
    def made(self, row: ApiKey) -> str:
        return moment(row.created_at)

    @column("last used", ordering="last_used_at")
    def last_used(self, row: ApiKey) -> str:
        return moment(row.last_used_at)

    @column("state", ordering="revoked_at")
    def state(self, row: ApiKey) -> SafeString:
        if row.revoked_at is None:
            return badges.badge("valid", "fine")
        return badges.badge(f"revoked {moment(row.revoked_at)}", "quiet")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("digest")
