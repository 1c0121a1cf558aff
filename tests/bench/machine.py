"""The machine that a run was made on, as the page under the table names it."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("django", "channels", "daphne", "uvicorn", "uvloop", "openai", "psycopg", "msgspec")


def described() -> list[str]:
    """Lines of text."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return [
        f"{_cpu()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} "
        f"{platform.release().split('-')[0]}, Python {platform.python_version()}; {packages}.",
        "The load, the upstream and Postgres share these cores with the server that is measured: "
        "trust the ratios.",
    ]


def load_average() -> float:
    return os.getloadavg()[0]


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
