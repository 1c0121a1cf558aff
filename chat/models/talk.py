"""What people say besides prompts that run: judgements, prompts that wait, frames already done."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from chat.models.accounts import User
from chat.models.conversations import Conversation, Item, Response
from chat.protocol.requests import MAX_TAG_CHARS


class Feedback(models.Model):
    """A person's judgement of a response or of one of its items. Changes nothing in the stream."""

    user = models.ForeignKey(User, models.CASCADE, related_name="feedback", db_index=False)
    response = models.ForeignKey(Response, models.CASCADE, related_name="feedback")
    # No constraint: an item may be judged while it is being written, and is kept at its end.
    item = models.ForeignKey(
        Item,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="feedback",
        db_constraint=False,
    )
    rating = models.SmallIntegerField(help_text="1 good, -1 bad, 0 taken back.")
    tags = ArrayField(models.CharField(max_length=MAX_TAG_CHARS), default=list, blank=True)
    comment = models.TextField(blank=True, db_default="")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "feedback"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "response", "item"],
                name="feedback_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="feedback_rating_range", condition=Q(rating__gte=-1, rating__lte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rating:+d} on {self.response_id}"


class WaitingPrompt(models.Model):
    """A prompt that waits its turn: one queue a conversation, in the order of `id`."""

    conversation = models.ForeignKey(Conversation, models.CASCADE, related_name="waiting_prompts")
    user = models.ForeignKey(User, models.CASCADE, db_index=False)
    event_id = models.CharField(max_length=64)
    connection_id = models.CharField(
        max_length=64, db_default="", help_text="Who gets its events without following."
    )
    request = models.JSONField(help_text="The `response.create` frame, parsed.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "event_id"], name="waiting_prompt_once")
        ]

    def __str__(self) -> str:
        return str(self.event_id)


class ReceivedEvent(models.Model):
    """A client's frame that was done: its `event_id` is done once, and answered again."""

    user = models.ForeignKey(User, models.CASCADE, db_index=False)
    event_id = models.CharField(max_length=64)
    payload_hash = models.CharField(max_length=64, help_text="SHA-256 of the frame, in hex.")
    answer = models.JSONField(null=True, help_text="What names its result, for the second answer.")
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "event_id"], name="received_event_once")
        ]

    def __str__(self) -> str:
        return str(self.event_id)
