"""The proxy does to a connection what it is told to, and nothing else."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress

import pytest

from tests.faults.proxy import ANSWERS, ASKED, Proxy

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


@pytest.fixture
async def proxy() -> Iterator[Proxy]:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    async with server:
        with Proxy(server.sockets[0].getsockname()) as running:
            yield running


@pytest.fixture
async def connect() -> AsyncIterator[Callable[[Proxy], Awaitable[Pair]]]:
    """Makes connections through the proxy, which end with the test."""
    writers = []

    async def connect(proxy: Proxy) -> Pair:
        pair = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(pair[1])
        return pair

    yield connect
    for writer in writers:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def echo(pair: Pair, said: bytes) -> bytes:
    reader, writer = pair
    writer.write(said)
    async with asyncio.timeout(5):
        return await reader.readexactly(len(said))


async def is_silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(0.1):
            return await reader.read(1) == b"never"
    except TimeoutError:
        return True


async def test_what_is_said_passes(proxy: Proxy, connect):
    assert await echo(await connect(proxy), b"hello" * 50_000) == b"hello" * 50_000


async def test_what_stalls_passes_when_healed(proxy: Proxy, connect):
    pair = await connect(proxy)
    await echo(pair, b"before")
    proxy.stall(ANSWERS)
    pair[1].write(b"after")
    assert await is_silent(pair[0])
    proxy.heal()
    assert await pair[0].readexactly(5) == b"after"


async def test_what_is_swallowed_never_comes(proxy: Proxy, connect):
    pair = await connect(proxy)
    proxy.swallow(ASKED)
    pair[1].write(b"lost")
    assert await is_silent(pair[0])
    proxy.heal()
    assert await echo(pair, b"after") == b"after"


async def test_dropped_connections_are_reset_and_new_ones_are_taken(proxy: Proxy, connect):
    pair = await connect(proxy)
    await echo(pair, b"before")
    proxy.drop()
    with pytest.raises(ConnectionResetError):
        await pair[0].read()
    assert await echo(await connect(proxy), b"after") == b"after"


async def test_nobody_gets_in_while_it_refuses(proxy: Proxy, connect):
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy)
    proxy.heal()
    assert await echo(await connect(proxy), b"after") == b"after"


async def test_a_slow_way_takes_its_time(proxy: Proxy, connect):
    pair = await connect(proxy)
    proxy.set(bytes_per_second=10_000, direction=ANSWERS)
    began = time.monotonic()
    await echo(pair, b"x" * 2_000)
    assert time.monotonic() - began >= 0.2
    proxy.heal()
    proxy.set(delay_seconds=0.1)
    began = time.monotonic()
    await echo(pair, b"x")
    assert time.monotonic() - began >= 0.2


async def test_a_lost_answer_was_given(proxy: Proxy, connect):
    pair = await connect(proxy)
    lost = proxy.lose_answer_to(b"words")
    await echo(pair, b"other")
    pair[1].write(b"some words")
    await lost.passed()
    with pytest.raises(ConnectionResetError):
        await pair[0].read()
    assert await echo(await connect(proxy), b"words") == b"words"


def test_a_server_that_is_not_there_resets(unused_port: int):
    with (
        Proxy(("127.0.0.1", unused_port)) as proxy,
        pytest.raises(ConnectionResetError),
        socket.create_connection(("127.0.0.1", proxy.port), timeout=5) as client,
    ):
        client.recv(1)


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]
