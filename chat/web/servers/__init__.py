"""The servers that can host the application: a module each, with `run(host, port, fd)`."""

from importlib import import_module

NAMES = ("daphne", "uvicorn")


def run(name: str, host: str, port: int, fd: int | None = None) -> None:
    """Serve until told to stop. The other server is not even loaded: it would cost 25 MB.

    `fd`: a socket that listens already, and that other processes share, in place of host and port.
    """
    import_module(f"{__name__}.on_{name}").run(host, port, fd)
