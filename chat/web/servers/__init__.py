"""The servers that can host the application: a module each, with `run(host, port)`."""

from importlib import import_module

NAMES = ("daphne", "uvicorn")


def run(name: str, host: str, port: int) -> None:
    """Serve until told to stop. The other server is not even loaded: it would cost 25 MB."""
    import_module(f"{__name__}.on_{name}").run(host, port)
