"""What is kept.

Owns the tables and the constraints that hold whatever the code does. Must not know about sockets,
providers or the wire. `Log`, `Lease` and `Intent` are written by `chat.engine` alone, in SQL; a
`save()` of one of their rows could bring a fenced writer back to life.
"""

from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left, Now, NullIf

from chat.protocol import ids, lifecycle

# `to_tsvector` refuses a text whose lexemes take more than 1 MB.
SEARCHED_CHARS = 100_000


class PublicIdField(models.CharField):
    """A public identifier (`chat.protocol.ids`).

    Spelled out, the column's type spares each key and foreign key the second index that Django adds
    to a `varchar` for LIKE: nobody looks ids up by a part of them, and items are inserted often.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = ids.MAX_ID_CHARS
        super().__init__(*args, **kwargs)

    def db_type(self, connection: Any) -> str:
        return f"character varying({self.max_length})"


class User(AbstractUser):
    """A person or a program's account."""


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
        indexes = [models.Index(fields=["owner", "-updated_at"], name="conversation_by_owner")]

    def __str__(self) -> str:
        return self.title or self.id


class Response(models.Model):
    """One run of a model. Responses form a tree by `parent`; siblings never overwrite each other."""

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
        return self.id


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
        return self.id


class Feedback(models.Model):
    """A person's judgement of a response or of one of its items. Changes nothing in the stream."""

    MAX_TAGS = 10
    MAX_TAG_CHARS = 40
    MAX_COMMENT_CHARS = 4_000

    user = models.ForeignKey(User, models.CASCADE, related_name="feedback", db_index=False)
    response = models.ForeignKey(Response, models.CASCADE, related_name="feedback")
    item = models.ForeignKey(Item, models.CASCADE, null=True, blank=True, related_name="feedback")
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


class ApiKey(models.Model):
    """A program's credential. Only a digest of it is kept; `prefix` lets its owner recognise it."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=100, blank=True, db_default="")
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the key, in hex.")
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.prefix}…"


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
        return self.event_id


class ReceivedEvent(models.Model):
    """A client's frame that was done, so that the same `event_id` is done once and answered again."""

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
        return self.event_id


class Log(models.Model):
    """The events of a response as they went over the wire, a row a batch, one JSON text a line.

    No foreign key: appending must take no lock on the response. Whoever deletes a response deletes
    its log.
    """

    pk = models.CompositePrimaryKey("response_id", "first_number")
    response_id = PublicIdField()
    first_number = models.PositiveIntegerField()
    last_number = models.PositiveIntegerField()
    events = models.TextField()

    class Meta:
        db_table = "log"
        constraints = [
            models.CheckConstraint(
                name="log_numbers_ascend",
                condition=Q(last_number__gte=F("first_number")),
            )
        ]


class Lease(models.Model):
    """The time for which one process owns a response. A later attempt fences an earlier one."""

    response_id = PublicIdField(primary_key=True)
    owner = models.CharField(max_length=64)
    attempt = models.PositiveIntegerField()
    until = models.DateTimeField()
    reruns = models.PositiveSmallIntegerField(db_default=0)

    class Meta:
        db_table = "lease"


class Intent(models.Model):
    """A cancel or a steer that waits for the process that runs the response."""

    class Kind(models.TextChoices):
        CANCEL = "cancel", "cancel"
        STEER = "steer", "steer"

    response_id = PublicIdField(db_index=True)
    kind = models.CharField(max_length=8, choices=Kind)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "intent"
        constraints = [
            models.CheckConstraint(
                name="intent_kind_known", condition=Q(kind__in=["cancel", "steer"])
            )
        ]
