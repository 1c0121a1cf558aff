"""Who somebody is, and whether that still holds.

A login is resolved once, when a connection opens; what it rests on (session, key, password,
account) is looked up again with every frame that changes something, and every second for all
connections.
"""

from collections.abc import Collection

import msgspec

from chat.database import Pool


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A user, and the credential that a connection was opened with: a session or a key."""

    user_id: int
    username: str
    password_digest: str = ""
    session_key: str | None = None
    api_key_id: int | None = None


# A session ends with its row, and with a change of password; a key with its revocation.
_HOLDS = """
    person.is_active AND CASE
        WHEN {api_key_id}::bigint IS NOT NULL THEN EXISTS (
            SELECT FROM chat_apikey
             WHERE chat_apikey.id = {api_key_id} AND chat_apikey.revoked_at IS NULL)
        ELSE encode(sha256(convert_to(person.password, 'UTF8')), 'hex') = {password_digest}
             AND EXISTS (
            SELECT FROM django_session
             WHERE django_session.session_key = {session_key}
               AND django_session.expire_date > now())
    END
"""

# For use inside other statements: true while the identity holds. Parameters: `parameters()`.
HOLDS = (
    "EXISTS (SELECT FROM chat_user AS person WHERE person.id = %(user_id)s AND "
    + _HOLDS.format(
        api_key_id="%(api_key_id)s",
        password_digest="%(password_digest)s",
        session_key="%(session_key)s",
    )
    + ")"
)

_ENDED = (
    """
SELECT asked.place
  FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::text[], %s::text[])
       AS asked (place, user_id, api_key_id, session_key, password_digest)
  LEFT JOIN chat_user AS person ON person.id = asked.user_id
 WHERE person.id IS NULL OR NOT ("""
    + _HOLDS.format(
        api_key_id="asked.api_key_id",
        password_digest="asked.password_digest",
        session_key="asked.session_key",
    )
    + ")"
)


def parameters(identity: Identity) -> dict[str, object]:
    """What `HOLDS` asks for."""
    return {
        "user_id": identity.user_id,
        "api_key_id": identity.api_key_id,
        "session_key": identity.session_key,
        "password_digest": identity.password_digest,
    }


async def ended(pool: Pool, identities: Collection[Identity]) -> set[Identity]:
    """Those of the identities that hold no longer, in one query."""
    asked = list(identities)
    columns = (
        list(range(len(asked))),
        [identity.user_id for identity in asked],
        [identity.api_key_id for identity in asked],
        [identity.session_key for identity in asked],
        [identity.password_digest for identity in asked],
    )
    async with pool.connection() as connection:
        cursor = await connection.execute(_ENDED, columns)
        return {asked[row[0]] for row in await cursor.fetchall()}
