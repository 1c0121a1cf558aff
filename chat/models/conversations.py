"""Conversations, their responses and items, and what must hold of them whatever the code does."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left, Now, NullIf

from chat.models.accounts import User
from chat.models.fields import PublicIdField
from chat.protocol import ids, lifecycle

# `to_tsvector` refuses a text whose lexemes take more than 1 MB.
SEARCHED_CHARS = 100_000


class Conversation(models.Model):
    """An owned, ordered history."""

    class Origin(models.TextChoices):
        WEB = "web", "web"
        API = "api", "API"

    id = PublicIdField(primary_key=True, default=ids.conversation_id)
    owner = models.ForeignKey(User, models.CASCADE, related_name="conversations", db_index=False)
    title = models.CharField(max_length=200, blank=True, db_default="")
    origin = models.CharField(max_length=8, choices=Origin, default=Origin.WEB)
    shown = models.ForeignKey(
        "Response",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The head of the branch that is shown.",
    )
    next_position = models.PositiveIntegerField(db_default=0, help_text="How many items it holds.")
    queue_paused = models.BooleanField(
        db_default=False, help_text="Waiting prompts stay until somebody prompts again."
    )
    metadata = models.JSONField(default=dict, blank=True, db_default={})
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["owner", "-updated_at"], name="conversation_by_owner"),
            models.Index(fields=["-updated_at", "-id"], name="conversation_by_update"),
        ]

    def __str__(self) -> str:
        return self.title or self.id


class Response(models.Model):
    """One run of a model. Responses form a tree by `parent`; siblings overwrite nothing."""

    class Status(models.TextChoices):
        QUEUED = lifecycle.QUEUED
        IN_PROGRESS = lifecycle.IN_PROGRESS
        COMPLETED = lifecycle.COMPLETED
        INCOMPLETE = lifecycle.INCOMPLETE
        CANCELLED = lifecycle.CANCELLED
        FAILED = lifecycle.FAILED

    id = PublicIdField(primary_key=True, default=ids.response_id)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="responses", db_index=False
    )
    parent = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="children"
    )
    previous_response_id = PublicIdField(
        null=True,
        blank=True,
        help_text="As the client named it; a parent that was never stored has no row.",
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="responses")
    event_ids = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="Of the frames that asked for it: one prompt, or the steers.",
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    model = models.CharField(max_length=200)
    provider = models.CharField(max_length=64, db_default="")
    switches = models.JSONField(
        default=list,
        blank=True,
        db_default=[],
        help_text="Providers that failed before, and who took over: from, to, reason, at.",
    )
    cache = models.CharField(
        max_length=8,
        blank=True,
        db_default="",
        help_text="Whether its answer was found in the cache: hit, miss, or nobody looked.",
    )
    request = models.JSONField(default=dict, db_default={}, help_text="What was asked, less input.")
    metadata = models.JSONField(default=dict, blank=True, db_default={})
    error = models.JSONField(null=True, blank=True, help_text="code and message, for the client.")
    incomplete_reason = models.CharField(max_length=32, null=True, blank=True)
    receipt = models.JSONField(null=True, blank=True, help_text="Who cancelled it, and when.")
    successor_id = PublicIdField(
        null=True, blank=True, help_text="The response that a steer made of it."
    )
    connection_ids = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        help_text="The connections that get its events without following.",
    )
    input_tokens = models.PositiveIntegerField(null=True, blank=True)
    cached_tokens = models.PositiveIntegerField(null=True, blank=True)
    output_tokens = models.PositiveIntegerField(null=True, blank=True)
    reasoning_tokens = models.PositiveIntegerField(null=True, blank=True)
    usage_estimated = models.BooleanField(db_default=False)
    created_at = models.DateTimeField(db_default=Now())
    first_delta_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    last_number = models.PositiveIntegerField(
        null=True, blank=True, help_text="Sequence number of the terminal event."
    )

    class Meta:
        indexes = [
            models.Index(fields=["conversation", "created_at"], name="response_by_conversation"),
            models.Index(fields=["ended_at"], name="response_by_end"),
            models.Index(
                fields=["conversation"],
                name="response_live",
                condition=Q(status__in=sorted(lifecycle.LIVE)),
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="response_status_known", condition=Q(status__in=lifecycle.STATUSES)
            ),
            models.CheckConstraint(
                name="response_ended_is_dated_and_numbered",
                condition=Q(
                    status__in=sorted(lifecycle.ENDED),
                    ended_at__isnull=False,
                    last_number__isnull=False,
                )
                | Q(
                    status__in=sorted(lifecycle.LIVE),
                    ended_at__isnull=True,
                    last_number__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="response_is_not_its_own_parent",
                condition=Q(parent__isnull=True) | ~Q(parent=F("id")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Item(models.Model):
    """One unit of a conversation, brought by a response as its input or its output.

    `position` counts the conversation's items in the order in which they were kept. A foreign key
    from `(conversation, previous)` to `(conversation, position)`, made in the first migration,
    leaves no hole in it.
    """

    class Direction(models.TextChoices):
        INPUT = "input", "input"
        OUTPUT = "output", "output"

    id = PublicIdField(primary_key=True)
    conversation = models.ForeignKey(
        Conversation, models.CASCADE, related_name="items", db_index=False
    )
    response = models.ForeignKey(Response, models.CASCADE, related_name="items", db_index=False)
    position = models.PositiveIntegerField()
    previous = models.GeneratedField(
        expression=NullIf(F("position"), 0) - 1,
        output_field=models.IntegerField(null=True),
        db_persist=True,
    )
    direction = models.CharField(max_length=8, choices=Direction)
    type = models.CharField(max_length=32)
    role = models.CharField(max_length=16, null=True, blank=True)
    status = models.CharField(max_length=16, db_default="completed")
    body = models.JSONField(help_text="Its fields on the wire, less id, type, role and status.")
    text = models.TextField(blank=True, db_default="", help_text="What a person would read of it.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["conversation", "position"]
        indexes = [
            models.Index(fields=["conversation", "previous"], name="item_by_previous"),
            models.Index(fields=["response", "position"], name="item_by_response"),
            GinIndex(
                SearchVector(Left("text", SEARCHED_CHARS), config="simple"),
                name="item_by_text",
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "position"], name="item_position"),
            models.CheckConstraint(
                name="item_direction_known",
                condition=Q(direction__in=["input", "output"]),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)
