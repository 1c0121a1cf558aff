"""The settings that a deployment may set, in one table.

A row is a field of `Service` or `Chat`: its annotation says how the value is read, its default
holds when the environment is silent, its text becomes the line in docs/settings.md. Owns names,
types, defaults and limits; `project.environment` reads them.
"""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any

from project.checks import (
    MIN_SECRET_CHARS,
    Check,
    above_zero,
    at_least,
    base_url,
    between,
    full_origins,
    one_of,
    secret_key,
    url,
)

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Row:
    """What the table says of a setting beside its name, type and default."""

    text: str
    check: Check | None = None
    secret: bool = False
    unset: str | None = None
    like: str | None = None


def setting(
    default: Any,
    text: str,
    *,
    check: Check | None = None,
    secret: bool = False,
    unset: str | None = None,
    like: str | None = None,
) -> Any:
    """Declare a row.

    `secret` keeps its value out of every message. `unset` is what the page says where the default
    is none that could be written down. `like` names the field of the same class whose value is the
    default.
    """
    row = Row(text, check, secret, unset, like)
    return field(default=default, repr=not secret, metadata={"row": row})


@dataclass(frozen=True, slots=True)
class Service:
    """Where it listens, what it stands on, and who may reach it."""

    host: str = setting("127.0.0.1", "Address to listen on. `0.0.0.0` is every IPv4 address.")
    port: int = setting(8000, "Port to listen on.", check=between(1, 65_535))
    database_url: str = setting(
        "",
        "A Postgres (15 or later) database, as `postgresql://user:password@host:5432/name`.",
        check=url("postgres", "postgresql", example="postgresql://user:password@host:5432/name"),
        secret=True,
        unset="the private Postgres of `make run`",
    )
    redis_url: str = setting(
        "",
        "The Redis that carries events between processes. Needed as soon as there are two of them.",
        check=url("redis", "rediss", "unix", example="redis://host:6379/0"),
        secret=True,
        unset="in memory, one process",
    )
    openai_api_key: str = setting(
        "",
        "Key for the upstream. Without it and `OPENAI_BASE_URL`, the demo provider answers.",
        secret=True,
        unset="none",
    )
    openai_base_url: str = setting(
        "",
        "Any server that speaks Chat Completions or Responses, such as "
        "`http://127.0.0.1:11434/v1`.",
        check=base_url,
        unset="that of the `openai` package",
    )
    openai_api: str = setting(
        "chat_completions",
        "What the upstream speaks: `chat_completions` or `responses`.",
        check=one_of("chat_completions", "responses"),
    )
    secret_key: str = setting(
        "",
        f"Signs sessions. {MIN_SECRET_CHARS} characters or more; a new one signs everybody out.",
        check=secret_key,
        secret=True,
        unset="made once, kept in `VAR_DIR/secret_key`",
    )
    debug: bool = setting(False, "Django's debug pages. Never where strangers can reach it.")
    allowed_hosts: tuple[str, ...] = setting(
        (),
        "`Host` headers to answer, beside the loopback names.",
        unset="the hosts of `ALLOWED_ORIGINS`",
    )
    allowed_origins: tuple[str, ...] = setting(
        (),
        "Full origins whose pages may open the WebSocket with a session cookie, as "
        "`https://chat.example.org`.",
        check=full_origins,
        unset="`http://HOST:PORT`; for a loopback `HOST`, `localhost` too; "
        "for `0.0.0.0`, the page's own host",
    )
    secure: bool = setting(
        False,
        "Cookies only over HTTPS.",
        unset="true when every one of `ALLOWED_ORIGINS` is `https`",
    )
    trusted_proxies: int = setting(
        0,
        "Proxies in front of the service, each of which appends to `X-Forwarded-For` and sets "
        "`X-Forwarded-Proto`. With 0 these headers are ignored.",
        check=between(0, 10),
    )
    log_level: str = setting(
        "INFO",
        "How much goes to stderr.",
        check=one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    )
    var_dir: str = setting(
        "var", "Folder for the private Postgres and the secret key; relative to the project."
    )


@dataclass(frozen=True, slots=True)
class Chat:
    """What the chat does, and its limits. Django code reads it as `settings.CHAT`."""

    providers: str = setting(
        "",
        "A TOML or JSON file that names several upstreams, in place of the `OPENAI_` settings "
        "([docs/providers.md](providers.md)); relative to the project.",
        unset="none",
    )
    models: tuple[str, ...] = setting(
        (),
        "Models to offer, separated by commas; the first is the default.",
        unset="what the upstream's `/models` lists",
    )
    system_prompt: str = setting("", "Instructions for chats in the browser.", unset="empty")
    signup: bool = setting(True, "Whether anybody may make an account.")
    server: str = setting(
        "daphne",
        "The server that hosts it: `daphne` or `uvicorn`.",
        check=one_of("daphne", "uvicorn"),
    )
    dispatch: str = setting(
        "inline",
        "Who runs responses: `inline`, the process that took the prompt; or `worker`, any "
        "`manage.py run_worker`, which needs `REDIS_URL` to be quick.",
        check=one_of("inline", "worker"),
    )
    demo_words_per_second: float = setting(
        30.0, "How fast the demo provider speaks.", check=above_zero
    )
    max_frame_bytes: int = setting(
        16 * MIB, "Largest frame that a client may send.", check=at_least(KIB)
    )
    frames_per_second: float = setting(
        100.0, "Frames a second that a connection may send for long.", check=above_zero
    )
    frames_burst: int = setting(
        300, "Frames that a connection may send at once.", check=at_least(1)
    )
    pulse_ms: int = setting(
        45,
        "How often what was said is kept, then shown; up to 160 while the processor has no time.",
        check=between(1, 5_000),
    )
    lease_seconds: float = setting(
        12.0,
        "How long a process owns a response without renewing. Some seconds after that, another one "
        "takes over what a dead process ran.",
        check=at_least(0.5),
    )
    window_bytes: int = setting(
        64 * KIB,
        "Bytes that a client which acknowledges may have unacknowledged.",
        check=at_least(KIB),
    )
    window_events: int = setting(
        256, "Events that a client which acknowledges may have unacknowledged.", check=at_least(1)
    )
    outstanding_bytes: int = setting(
        32 * MIB, "Bytes that may wait for a client which does not read them.", check=at_least(KIB)
    )
    send_seconds: float = setting(10.0, "Deadline of one send to a client.", check=above_zero)
    connection_minutes: float = setting(60.0, "How long a connection may last.", check=above_zero)
    ping_seconds: float = setting(
        20.0,
        "How often a client is asked whether it is there. One that does not answer for as long has "
        "vanished: its connection is closed, at most twice this and three seconds after it did.",
        check=at_least(0.5),
    )
    connect_seconds: float = setting(10.0, "To reach the upstream.", check=above_zero)
    first_delta_seconds: float = setting(
        120.0, "From the request to the first delta.", check=above_zero
    )
    silence_seconds: float = setting(
        30.0, "Between two deltas; comment pings do not count as life.", check=above_zero
    )
    total_seconds: float = setting(1_800.0, "For a whole response.", check=above_zero)
    drain_seconds: float = setting(
        0.0,
        "On a stop, how long running responses may go on before they end as interrupted.",
        check=at_least(0),
        like="total_seconds",
    )
    upstream_tries: int = setting(
        4,
        "How often upstream is asked for one answer, until it begins; whoever of them is asked.",
        check=between(1, 100),
    )
    retry_wait_seconds: float = setting(
        5.0,
        "Longest wait for another try. Who is told to wait for longer is answered so at once.",
        check=at_least(0),
    )
    retry_total_seconds: float = setting(
        150.0, "After so long no further try begins.", check=at_least(0)
    )
    breaker_failures: int = setting(
        5,
        "Failures in a row, with no answer between, after which one of several upstreams is left "
        "alone. 0: never.",
        check=at_least(0),
    )
    breaker_window_seconds: float = setting(
        60.0, "Within which these failures have to be.", check=above_zero
    )
    breaker_open_seconds: float = setting(
        20.0, "How long it is left alone; then one prompt tries it.", check=above_zero
    )
    line_bytes: int = setting(MIB, "Longest line from an upstream.", check=at_least(KIB))
    answer_chars: int = setting(2_000_000, "Longest answer.", check=at_least(1))
    queue_limit: int = setting(50, "Prompts that may wait in one conversation.", check=at_least(0))
    store_false_bytes: int = setting(
        8 * MIB, "Parents with `store: false` that a connection keeps in memory.", check=at_least(0)
    )
    log_retention_hours: float = setting(
        24.0, "How long the events of an ended response can be replayed.", check=at_least(0)
    )
    cache: str = setting(
        "off",
        "Whether a prompt that was answered before may get that answer again "
        "([docs/cache.md](cache.md)): `off`; `user`, each user their own answers only; or "
        "`everyone`, whoever gave the same prompt.",
        check=one_of("off", "user", "everyone"),
    )
    cache_models: tuple[str, ...] = setting(
        (),
        "Models whose prompts use the cache unless they say otherwise; `*` is all of them.",
        unset="only prompts that ask for it",
    )
    cache_hours: float = setting(
        24.0, "How long an answer is given again.", check=between(0, 24 * 365)
    )
    cache_answer_bytes: int = setting(
        256 * KIB, "Largest answer that the cache keeps.", check=at_least(1)
    )
    cache_bytes: int = setting(
        256 * MIB, "How much the cache keeps; the oldest answers go first.", check=at_least(0)
    )
    pool_size: int = setting(
        10,
        "Connections to Postgres for the hot statements, in each process.",
        check=between(1, 1_000),
    )


PREFIXES = {Service: "", Chat: "CHAT_"}


def name_of(table: type, attribute: str) -> str:
    """The environment's name of a setting."""
    return PREFIXES[table] + attribute.upper()


def rows(table: type) -> Iterator[tuple[str, "Field[Any]", Row]]:
    """(name in the environment, field, row) of each setting of `Service` or `Chat`, in order."""
    for each in fields(table):
        yield name_of(table, each.name), each, each.metadata["row"]
