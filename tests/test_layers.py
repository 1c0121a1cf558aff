"""Imports point down only: six floors, and what each may know."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHAT = ROOT / "chat"

# The lowest first. A module may import from its own floor and from those below.
FLOORS: list[set[str]] = [
    {"chat.protocol"},
    {"chat.models", "chat.database", "chat.api_keys"},
    {"chat.queries", "chat.finding", "chat.access", "chat.received", "chat.snapshot"}
    | {"chat.providers"},
    {"chat.engine"},
    {"chat.services"},
    {"chat.web", "chat.review", "chat.management", "chat.admin", "chat.apps"},
]
PURE = {"django", "channels", "asyncio", "psycopg", "openai", "time", "socket", "chat.models"}


def modules() -> list[Path]:
    return [path for path in CHAT.rglob("*.py") if "migrations" not in path.parts]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def floor_of(module: str) -> int:
    for number, floor in enumerate(FLOORS):
        if any(module == name or module.startswith(name + ".") for name in floor):
            return number
    raise AssertionError(f"{module} stands on no floor: put it on one, in this test")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_a_module_imports_from_its_own_floor_or_below(path: Path):
    module = name_of(path)
    if module == "chat":
        return
    above = [
        name
        for name in imports_of(path)
        if name.startswith("chat.") and floor_of(name) > floor_of(module)
    ]
    assert not above, f"{module} reaches up to {above}"


@pytest.mark.parametrize("path", sorted((CHAT / "protocol").glob("*.py")), ids=name_of)
def test_the_protocol_is_pure(path: Path):
    roots = {name.split(".")[0] for name in imports_of(path)} | set(imports_of(path))
    assert not roots & PURE
    tree = ast.parse(path.read_text())
    assert not [
        node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)
    ]


def test_no_module_imports_our_own_code_inside_a_function():
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                inner = [each for each in ast.walk(node) if isinstance(each, ast.ImportFrom)]
                ours = [each.module for each in inner if (each.module or "").startswith("chat")]
                assert not ours, f"{path}: {node.name} imports {ours}"
