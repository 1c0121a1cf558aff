"""What a person may fill in on the pages of `chat.web.pages`."""

from django import forms

from chat.models import Conversation


class TitleForm(forms.Form):
    title = forms.CharField(max_length=Conversation._meta.get_field("title").max_length)
