"""The engine's own tables: log, leases, intents.

Written by `chat.engine` alone, in SQL: a `save()` of one of these rows could bring a fenced writer
back to life.
"""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from chat.models.fields import PublicIdField


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
