"""Answers that are kept to be given again.

Written by `chat.engine` alone, in SQL, as its other tables are.
"""

from django.db import models
from django.db.models.functions import Now

from chat.models.accounts import User
from chat.models.conversations import Conversation


class CachedAnswer(models.Model):
    """The answer that a user was given to what makes this key.

    It goes with the conversation that it was given in, and with its user: what was deleted is
    neither kept here nor given to anybody.
    """

    pk = models.CompositePrimaryKey("key", "user_id")
    key = models.CharField(max_length=64, help_text="SHA-256 of what was asked, in hex.")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="+")
    answer = models.TextField(help_text="Who gave it and its deltas, as JSON.")
    bytes = models.PositiveIntegerField(help_text="What it weighs, with its row.")
    kept_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "cached_answer"
        indexes = [
            # The tidying adds up what is newest first, and reads nothing else.
            models.Index(fields=["-kept_at"], include=["bytes"], name="cached_answer_by_age")
        ]
