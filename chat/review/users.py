"""Users: Django's own pages, a way to what they said, and an end that leaves nothing behind."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from chat.models import Conversation, Item, Response, User
from chat.review import erasing, links
from chat.review.lists import BoundedPaginator, staff
from chat.review.plain import one_line

if TYPE_CHECKING:
    Base = UserAdmin[User]
else:
    Base = UserAdmin


class ReviewUserAdmin(Base):
    """Deleting a user deletes what they own, through the service, and says so before."""

    list_display = (
        "username", "email", "is_active", "is_staff", "date_joined", "last_login", "said",
    )  # fmt: skip
    list_filter = ("is_active", "is_staff", "is_superuser")
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    ordering = ("-date_joined",)
    actions = ("deactivate",)

    @admin.display(description="conversations")
    def said(self, row: User) -> SafeString:
        return links.link(links.conversations_of(row.pk), "Show")

    @admin.action(permissions=["change"], description="Deactivate selected users")
    def deactivate(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """Sign them out everywhere, and keep what they said."""
        changed = list(queryset.filter(is_active=True).exclude(pk=staff(request).pk))
        User.objects.filter(pk__in=[user.pk for user in changed]).update(is_active=False)
        for user in changed:
            self.log_change(request, user, "Deactivated.")
        messages.success(request, f"{len(changed)} deactivated.")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes themselves: an admin without an account would be left."""
        return obj != request.user and super().has_delete_permission(request, obj)

    def get_deleted_objects(
        self, objs: Sequence[User] | QuerySet[User], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        ids = [user.pk for user in objs]
        owned = Conversation.objects.filter(owner_id__in=ids).count()
        counted = {
            "users": len(ids),
            "conversations": owned,
            "responses": Response.objects.filter(conversation__owner_id__in=ids).count(),
            "items": Item.objects.filter(conversation__owner_id__in=ids).count(),
        }
        may_delete = not owned or staff(request).has_perm("chat.delete_conversation")
        lacking = set() if may_delete else {"conversation"}
        protected = ["yourself"] if staff(request).pk in ids else []
        return [one_line(user.username) for user in objs], counted, lacking, protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        erasing.delete_conversations_of([obj.pk])
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        erasing.delete_conversations_of(list(queryset.values_list("pk", flat=True)))
        super().delete_queryset(request, queryset)
