"""The branch that is read, and its pages."""

from chat.review import tree

# a ─ b ─ c        a was answered by b, then again by d; e follows d, and so does f.
#   └ d ┬ e
#       └ f
GROWN = tree.grow([("a", None), ("b", "a"), ("c", "b"), ("d", "a"), ("e", "d"), ("f", "d")])


def test_the_shown_branch_is_read_when_none_is_named():
    assert tree.branch(GROWN, shown="c", through=None) == ["a", "b", "c"]


def test_a_branch_goes_through_the_response_named_and_on_to_what_was_said_last():
    assert tree.branch(GROWN, shown="c", through="d") == ["a", "d", "f"]


def test_below_the_response_named_the_branch_keeps_to_what_the_owner_is_shown():
    assert tree.branch(GROWN, shown="e", through="d") == ["a", "d", "e"]
    assert tree.branch(GROWN, shown="e", through="a") == ["a", "d", "e"]


def test_without_a_shown_response_the_latest_is_read():
    assert tree.branch(GROWN, shown=None, through=None) == ["a", "d", "f"]


def test_a_response_of_somewhere_else_names_no_branch():
    assert tree.branch(GROWN, shown="c", through="elsewhere") == ["a", "b", "c"]
    assert tree.branch(GROWN, shown="elsewhere", through=None) == ["a", "d", "f"]


def test_a_parent_of_somewhere_else_makes_a_root():
    grown = tree.grow([("a", "elsewhere"), ("b", None)])
    assert tree.place(grown, "b") == tree.Place(2, 2, "a", None)


def test_an_empty_conversation_has_one_empty_page():
    assert tree.pages(tree.branch(tree.grow([]), None, None), {}) == [[]]


def test_a_circle_ends():
    grown = tree.grow([("a", "b"), ("b", "a")])
    assert tree.branch(grown, shown=None, through="a") == ["b", "a"]


def test_a_response_knows_its_siblings():
    grown = tree.grow([("a", None), *((f"s{number}", "a") for number in range(3))])
    assert tree.place(grown, "s0") == tree.Place(1, 3, None, "s1")
    assert tree.place(grown, "s1") == tree.Place(2, 3, "s0", "s2")
    assert tree.place(grown, "s2") == tree.Place(3, 3, "s1", None)
    assert tree.place(grown, "a").among == 1


def test_a_page_is_full_by_responses_or_by_items():
    path = ["a", "b", "c", "d"]
    assert tree.pages(path, {}, max_responses=2) == [["a", "b"], ["c", "d"]]
    weights = {"a": 3, "b": 3, "c": 3, "d": 3}
    assert tree.pages(path, weights, max_items=7) == [["a", "b"], ["c", "d"]]


def test_a_response_with_more_items_than_a_page_holds_is_alone_on_its_page():
    weights = {"a": 1, "b": 50, "c": 1}
    assert tree.pages(["a", "b", "c"], weights, max_items=10) == [["a"], ["b"], ["c"]]
