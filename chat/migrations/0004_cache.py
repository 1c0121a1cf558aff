"""The cache of answers. Code that knows nothing of it goes on writing beside it."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0003_switches"),
    ]

    operations = [
        migrations.AddField(
            model_name="response",
            name="cache",
            field=models.CharField(
                blank=True,
                db_default="",
                help_text="Whether its answer was found in the cache: hit, miss, or nobody looked.",
                max_length=8,
            ),
        ),
        migrations.CreateModel(
            name="CachedAnswer",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "key",
                        "user_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "key",
                    models.CharField(help_text="SHA-256 of what was asked, in hex.", max_length=64),
                ),
                ("answer", models.TextField(help_text="Who gave it and its deltas, as JSON.")),
                ("bytes", models.PositiveIntegerField(help_text="What it weighs, with its row.")),
                (
                    "kept_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "conversation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="chat.conversation",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "cached_answer",
                "indexes": [
                    models.Index(
                        fields=["-kept_at"], include=("bytes",), name="cached_answer_by_age"
                    )
                ],
            },
        ),
    ]
