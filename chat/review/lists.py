"""Lists that stay quick however long they are, and pages that nobody can edit.

Owns what all of the admin's pages share. What a page is about is its own module's business.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.functional import cached_property
from django.utils.text import capfirst

from chat.models import User

# Counting reads every row that a search finds. Nobody turns more pages than these.
MAX_COUNTED = 1_000

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Any]
    BasePaginator = Paginator[Any]
else:
    BaseAdmin = admin.ModelAdmin
    BasePaginator = Paginator


class BoundedPaginator(BasePaginator):
    """Counts up to a bound. What lies behind it is found by narrowing the list."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[:MAX_COUNTED].count()
        return counted

    @property
    def is_bounded(self) -> bool:
        return self.count == MAX_COUNTED


class CarefulChangeList(ChangeList):
    """Addresses that make no sense are answered like Django's other ones: by the plain list."""

    def get_filters(self, request: HttpRequest) -> Any:
        try:
            return super().get_filters(request)
        except (ValueError, OverflowError) as error:
            raise IncorrectLookupParameters(error) from error


class ReviewAdmin(BaseAdmin):
    """Rows are looked at. Whoever may do more with them says so in a subclass."""

    list_per_page = 50
    # Showing all would show no more than a page.
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CarefulChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Postgres takes no NUL, and says so with an exception.
        if "%00" in request.GET.urlencode():
            return HttpResponseRedirect(request.path)
        title = capfirst(self.opts.verbose_name_plural)
        context = {"title": title, **(extra_context or {})}
        return super().changelist_view(request, context)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        if "\x00" in object_id:
            return None
        return super().get_object(request, object_id, from_field)


def staff(request: HttpRequest) -> User:
    """Who asks. The admin lets nobody in who is not signed in."""
    return cast(User, request.user)


def column(name: str, ordering: str | None = None) -> Callable[[Any], Any]:
    """A method as a column of a list, under a name of its own."""
    return admin.display(description=name, ordering=ordering, empty_value="")
