"""docs/settings.md, made from the table of settings.

Pure: the page is a text that follows from `project.setting_table` alone.
"""

from dataclasses import Field
from typing import Any, get_type_hints

from project.setting_table import KIB, MIB, Chat, Row, Service, name_of, rows

PATH = "docs/settings.md"
KINDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    tuple[str, ...]: "list",
}
HEAD = """\
# Settings

Every setting is an environment variable. It is read and checked once, when the service starts: a
value that cannot be used stops the start with one line that says which and why. An empty value
counts as unset. Lists are separated by commas. Each one can also be given as `NAME_FILE`, the path
of a file that holds the value.

This page is made from `project/setting_table.py` by `manage.py settings_table`; do not edit it.
"""
SECTIONS = {Service: "The service", Chat: "The chat"}
UNITS = {
    "_seconds": "seconds",
    "_minutes": "minutes",
    "_hours": "hours",
    "_ms": "milliseconds",
    "_bytes": "bytes",
}


def page() -> str:
    """The whole page, as it belongs into docs/settings.md."""
    return HEAD + "".join(_section(table, title) for table, title in SECTIONS.items())


def _section(table: type, title: str) -> str:
    kinds = get_type_hints(table)
    lines = [f"\n## {title}\n", "| setting | what it is | kind | default |", "|---|---|---|---|"]
    for name, field, row in rows(table):
        kind = _kind(field.name, kinds[field.name])
        lines.append(f"| `{name}` | {row.text} | {kind} | {_default(table, field, row)} |")
    return "\n".join(lines) + "\n"


def _kind(attribute: str, kind: Any) -> str:
    unit = next((unit for ending, unit in UNITS.items() if attribute.endswith(ending)), None)
    return unit or KINDS[kind]


def _default(table: type, field: "Field[Any]", row: Row) -> str:
    if row.like is not None:
        return f"`{name_of(table, row.like)}`"
    if row.unset is not None:
        return row.unset
    return f"`{_spelled(field.default)}`{_in_larger_units(field.name, field.default)}"


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _in_larger_units(attribute: str, value: Any) -> str:
    if not attribute.endswith("_bytes"):
        return ""
    return f" ({value // MIB} MiB)" if value % MIB == 0 else f" ({value // KIB} KiB)"
