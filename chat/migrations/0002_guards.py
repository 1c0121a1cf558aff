"""What Django's migrations have no words for."""

from django.db import migrations

# An item stands on the one before it, so that no conversation's order has a hole. Deferred, so that
# a whole conversation can be deleted in one transaction.
NO_HOLES = """
ALTER TABLE chat_item ADD CONSTRAINT item_follows_item
    FOREIGN KEY (conversation_id, previous) REFERENCES chat_item (conversation_id, position)
    DEFERRABLE INITIALLY DEFERRED
"""
# A lease is renewed in place every few seconds: room on its page keeps that off the indexes.
ROOM_FOR_LEASES = "ALTER TABLE lease SET (fillfactor = 50)"


class Migration(migrations.Migration):
    dependencies = [("chat", "0001_initial")]

    operations = [
        migrations.RunSQL(NO_HOLES, "ALTER TABLE chat_item DROP CONSTRAINT item_follows_item"),
        migrations.RunSQL(ROOM_FOR_LEASES, "ALTER TABLE lease RESET (fillfactor)"),
    ]
