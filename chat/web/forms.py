"""What a person may fill in on the pages of `chat.web.pages`."""

from django import forms

from chat.models import Conversation


class TitleForm(forms.Form):
    title = forms.CharField(max_length=Conversation._meta.get_field("title").max_length)

    def clean_title(self) -> str:
        # JSON can spell half a character, which Postgres does not take.
        title: str = self.cleaned_data["title"]
        return title.encode(errors="replace").decode()
