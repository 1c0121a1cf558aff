"""Cached answers go with their conversation and their user, whoever removes these.

Code that knows nothing of the cache deletes them as well, beside code that does; Django's own
cascades are known to the latter only.
"""

from django.db import migrations

_CASCADE = """
DO $$
DECLARE held record;
BEGIN
    FOR held IN SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
                 WHERE conrelid = 'cached_answer'::regclass AND contype = 'f'
    LOOP
        EXECUTE format(
            'ALTER TABLE cached_answer DROP CONSTRAINT %1$I, ADD CONSTRAINT %1$I %2$s',
            held.conname,
            replace(held.definition, ' DEFERRABLE', ' ON DELETE CASCADE DEFERRABLE')
        );
    END LOOP;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("chat", "0004_cache"),
    ]

    operations = [
        migrations.RunSQL(_CASCADE, migrations.RunSQL.noop),
    ]
