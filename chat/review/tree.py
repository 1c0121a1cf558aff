"""The tree of a conversation's responses, and the branch of it that is read.

Pure. A response whose parent is not among them counts as a root.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

RESPONSES_A_PAGE = 100
ITEMS_A_PAGE = 300


class Tree(NamedTuple):
    """`children` of each response, and of None the roots, in the order in which they began."""

    parents: dict[str, str | None]
    children: dict[str | None, list[str]]


class Place(NamedTuple):
    """Where a response stands among its siblings. `number` counts from 1."""

    number: int
    among: int
    before: str | None
    after: str | None


def grow(responses: Iterable[tuple[str, str | None]]) -> Tree:
    """The tree of (id, parent's id), given in the order in which they began."""
    parents = dict(responses)
    children: dict[str | None, list[str]] = {}
    for response_id, parent in parents.items():
        known = parent if parent in parents else None
        parents[response_id] = known
        children.setdefault(known, []).append(response_id)
    return Tree(parents, children)


def path_to(tree: Tree, response_id: str) -> list[str]:
    """From the root down to the response."""
    path: list[str] = []
    step: str | None = response_id
    seen: set[str] = set()
    while step is not None and step not in seen:
        seen.add(step)
        path.append(step)
        step = tree.parents[step]
    return path[::-1]


def branch(tree: Tree, shown: str | None, through: str | None) -> list[str]:
    """The branch through a response, from root to leaf; through the shown one if none is named.

    Below it, the branch follows what the owner is shown, and else what was said last.
    """
    if not tree.parents:
        return []
    known_shown = shown if shown in tree.parents else None
    head = through if through in tree.parents else known_shown
    shown_path = set(path_to(tree, known_shown)) if known_shown else set()
    path = path_to(tree, head) if head else []
    # Nothing but care keeps a circle out of the tables: walk into none.
    seen = set(path)
    step = path[-1] if path else None
    while below := [each for each in tree.children.get(step, []) if each not in seen]:
        step = next((each for each in below if each in shown_path), below[-1])
        seen.add(step)
        path.append(step)
    return path


def place(tree: Tree, response_id: str) -> Place:
    siblings = tree.children[tree.parents[response_id]]
    index = siblings.index(response_id)
    return Place(
        number=index + 1,
        among=len(siblings),
        before=siblings[index - 1] if index else None,
        after=siblings[index + 1] if index + 1 < len(siblings) else None,
    )


def pages(
    path: Sequence[str],
    items: Mapping[str, int],
    max_responses: int = RESPONSES_A_PAGE,
    max_items: int = ITEMS_A_PAGE,
) -> list[list[str]]:
    """The branch cut into pages, by how many items each response has. There is always one page.

    A response is never cut: one that has more items than a page may hold is alone on its page.
    """
    cut: list[list[str]] = [[]]
    held = 0
    for response_id in path:
        count = items.get(response_id, 0)
        if cut[-1] and (len(cut[-1]) >= max_responses or held + count > max_items):
            cut.append([])
            held = 0
        cut[-1].append(response_id)
        held += count
    return cut
