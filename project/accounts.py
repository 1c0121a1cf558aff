"""Who may make an account."""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):
    """allauth's own, but for a service that is closed to newcomers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return settings.CHAT.signup
