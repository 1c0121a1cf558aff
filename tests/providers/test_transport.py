"""Our HTTP under the SDK: TLS, both event loops, proxies, and connections that are used again."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chat.providers.chat_completions import ChatCompletionsProvider
from tests.gate import Gate
from tests.providers.reading import asking, hear
from tests.upstream import Upstream
from tests.upstream_script import CUT, HANG, Script, chunk, done, finish, refusal, whole

ANSWER = chunk("a") + finish() + done()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate for 127.0.0.1, signed by itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def secured(certificate: Path) -> Upstream:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return Upstream(tls=context)


async def ask_in_secret(certificate: Path) -> None:
    async with secured(certificate) as upstream:
        upstream.script = whole(*(str(number) for number in range(100)))
        provider = ChatCompletionsProvider(base_url=upstream.base_url)
        for _ in range(2):
            assert (await hear(provider)).text == "".join(map(str, range(100)))
        assert upstream.connections == 1
        upstream.script = Script([chunk("a"), HANG])
        async with provider.stream(asking()) as batches:
            await anext(batches)
        await upstream.requests[-1].closed()
        await provider.close()


async def test_tls_is_spoken_with_who_can_prove_itself(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    await ask_in_secret(certificate)


def test_tls_is_spoken_on_uvloop_too(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    uvloop.run(ask_in_secret(certificate))


async def test_tls_is_refused_to_who_cannot(certificate):
    async with secured(certificate) as upstream:
        provider = ChatCompletionsProvider(base_url=upstream.base_url)
        error = (await hear(provider)).error
        assert error is not None
        assert error.code == "upstream_unreachable"
        assert "certificate is not trusted" in error.message
        assert upstream.requests == []
        await provider.close()


def test_answers_are_read_and_stopped_on_uvloop():
    async def ask() -> None:
        async with Upstream() as upstream:
            provider = ChatCompletionsProvider(base_url=upstream.base_url)
            assert (await hear(provider, "say 50 tokens at 500/s")).finish == "stop"
            task = asyncio.ensure_future(hear(provider, "say 5 tokens then hang"))
            seen = await upstream.request(1)
            task.cancel()
            await asyncio.wait({task})
            await seen.closed()
            await provider.close()

    uvloop.run(ask())


async def test_each_piece_is_a_read_of_its_own(upstream, provider):
    """What the tests that cut recordings rely on."""
    upstream.script = Script([chunk("a"), chunk("b"), chunk("c") + chunk("d"), finish(), done()])
    async with provider.stream(asking()) as batches:
        sizes = [len(batch) async for batch in batches]
    assert sizes == [1, 1, 2, 1]


async def test_a_proxy_in_the_environment_is_used(upstream, monkeypatch):
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{upstream.port}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{upstream.port}")
    provider = ChatCompletionsProvider(base_url="http://models.example/v1")
    upstream.script = whole("by ", "proxy")
    assert (await hear(provider)).text == "by proxy"
    upstream.script = refusal(429, retry_after="4")
    error = (await hear(provider)).error
    assert error is not None
    assert error.retry_after == 4
    upstream.script = Script([chunk("a"), CUT])
    heard = await hear(provider)
    assert (heard.text, heard.error and heard.error.code) == ("a", "upstream_cut")
    upstream.script = Script([chunk("a"), HANG])
    async with provider.stream(asking()) as batches:
        await anext(batches)
    await upstream.requests[-1].closed()
    await provider.close()


async def test_early_hints_are_not_the_answer(upstream, provider):
    head = (
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"
    )
    upstream.script = Script([head, ANSWER], raw=True)
    assert (await hear(provider)).text == "a"


async def test_an_old_server_may_end_its_answer_by_closing(upstream, provider):
    upstream.script = Script([b"HTTP/1.0 200 OK\r\n\r\n", ANSWER], raw=True)
    assert (await hear(provider)).text == "a"
    assert (await hear(provider)).text == "a"
    assert upstream.connections == 2


async def test_a_head_may_come_in_any_pieces(upstream, provider):
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER
    upstream.script = Script([answer[at : at + 1] for at in range(len(answer))], raw=True)
    assert (await hear(provider)).text == "a"


async def test_a_connection_that_said_too_much_is_not_used_again(upstream, provider):
    framed = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER
    upstream.script = Script([framed + b"HTTP/1.1 500 No\r\n\r\n", HANG], raw=True)
    for _ in range(2):
        assert (await hear(provider)).text == "a"
    assert upstream.connections == 2


async def test_an_idle_connection_is_closed_before_upstream_would(upstream, provider, monkeypatch):
    monkeypatch.setattr("chat.providers.transport.IDLE_SECONDS", 0.1)
    await hear(provider)
    await upstream.requests[0].closed()
    await hear(provider)
    assert upstream.connections == 2


async def test_a_prompt_larger_than_all_buffers_arrives(upstream, provider):
    prompt = "0123456789" * 800_000
    assert (await hear(provider, prompt)).text == "Hello, world!"
    assert upstream.requests[0].prompt == prompt


async def test_a_refusal_is_heard_although_the_prompt_is_not_taken(upstream, provider):
    """A server that refuses what is too large answers before it has read it."""
    body = b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    upstream.refuse_at_once = body
    error = (await hear(provider, "0123456789" * 1_000_000)).error
    assert error is not None
    assert (error.status, error.code) == (413, "invalid_prompt")


async def test_a_cancelled_connect_leaves_nothing_behind(upstream, provider):
    task = asyncio.ensure_future(hear(provider))
    while not upstream.connections and not task.done():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    await upstream.until(lambda: not upstream.live)


async def test_the_number_of_connections_is_bounded(upstream, provider, monkeypatch):
    monkeypatch.setattr("chat.providers.transport.MAX_CONNECTIONS", 2)
    gate = Gate()
    upstream.script = whole("a", "b", gate=gate)
    first = [asyncio.ensure_future(hear(provider)) for _ in range(2)]
    await upstream.request(1)
    error = (await hear(provider)).error
    assert error is not None
    assert (error.code, error.retriable) == ("upstream_unreachable", True)
    assert "too many answers" in error.message
    gate.open()
    assert [(await each).text for each in first] == ["ab", "ab"]
