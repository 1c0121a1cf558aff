"""Who took over from whom. Code that knows nothing of it goes on writing beside it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0002_guards"),
    ]

    operations = [
        migrations.AddField(
            model_name="response",
            name="switches",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="Providers that failed before, and who took over: from, to, reason, at.",
            ),
        ),
    ]
