"""Many kept conversations, made by Postgres itself: a prompt and its answer each."""

import psycopg

# Older than what the measurements add. Some sixty characters, eight times over, as in `stored`.
_MAKE = """
WITH owner AS (
    SELECT min(id) AS id FROM chat_user
), numbered AS (
    SELECT number, md5(number::text) AS name, now() - make_interval(secs => 60 * number) AS at
      FROM generate_series(%(from)s::int, %(to)s::int) AS number
), conversation AS (
    INSERT INTO chat_conversation (id, owner_id, title, origin, next_position, queue_paused,
                                   metadata, created_at, updated_at)
    SELECT 'conv_' || name, owner.id, 'Kept conversation number ' || number, 'web', 2, false,
           '{}', at, at
      FROM numbered, owner
), response AS (
    INSERT INTO chat_response (id, conversation_id, created_by_id, status, model, provider,
                               request, metadata, switches, event_ids, connection_ids,
                               usage_estimated, created_at, ended_at, last_number)
    SELECT 'resp_' || name, 'conv_' || name, owner.id, 'completed', 'bench', 'chat_completions',
           '{}', '{}', '[]', '{}', '{}', false, at, at, 20
      FROM numbered, owner
)
INSERT INTO chat_item (id, conversation_id, response_id, position, direction, type, role, status,
                       body, text, created_at)
SELECT 'msg_' || name || position, 'conv_' || name, 'resp_' || name, position, direction,
       'message', role, 'completed',
       jsonb_build_object('content', jsonb_build_array(
           jsonb_build_object('type', direction || '_text', 'text', said))),
       said, at
  FROM numbered,
       (VALUES (0, 'input', 'user'), (1, 'output', 'assistant'))
           AS side (position, direction, role),
       repeat('An ordinary sentence of some sixty characters, not more than that. ', 8) AS said
"""
_SHOW = """
UPDATE chat_conversation SET shown_id = 'resp_' || substr(id, 6)
 WHERE shown_id IS NULL AND title LIKE 'Kept conversation number %'
"""
AT_ONCE = 10_000


def grow(database_url: str, have: int, want: int) -> str:
    """Add conversations of the first account until there are so many. Returns the id of one."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        for start in range(have + 1, want + 1, AT_ONCE):
            end = min(want, start + AT_ONCE - 1)
            with connection.transaction():
                connection.execute(_MAKE, {"from": start, "to": end})
                connection.execute(_SHOW)
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT 'conv_' || md5(%s::text)", (want // 2 + 1,)).fetchone()
    assert row is not None
    return str(row[0])
