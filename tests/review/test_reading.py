"""A conversation is read as a transcript: who said what, on which branch, with its numbers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chat.models import Feedback, Response, User, WaitingPrompt
from chat.protocol import ids, lifecycle
from chat.review import links, transcript
from chat.review.said import kept_items
from tests.review.making import BEGAN, Talk, log
from tests.review.page import Page
from tests.service import new_account

Look = Callable[[str], Page]


def in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


def test_a_transcript_says_who_said_what_in_order(look: Look, owner: User):
    talk = Talk(owner, "A talk")
    first = talk.respond("What is a yak?", "A yak is a bovid.")
    talk.respond("And an auk?", "A bird.", after=first)
    page = look(links.transcript(talk.id))
    assert in_order(
        page.words, "A talk", owner.username, "user fields What is a yak?",
        "assistant fields A yak is a bovid.", "user fields And an auk?", "A bird.",
    )  # fmt: skip


def test_the_branch_that_the_owner_sees_comes_first_and_others_can_be_reached(
    look: Look, owner: User
):
    talk = Talk(owner)
    root = talk.respond("root prompt", "root answer")
    first = talk.respond("first version", "first answer", after=root)
    second = talk.respond("second version", "second answer", after=root)
    talk.respond("follows first", "follower's answer", after=first, shown=False)
    page = look(links.transcript(talk.id))
    assert in_order(page.words, "root prompt", "version 2 of 2", "second version")
    assert "first version" not in page.text
    assert "not the branch" not in page.text
    assert "4, 3 on this branch" not in page.words and "4, 2 on this branch" in page.words
    (other,) = set(page.links(f"?through={first.pk}"))
    page = look(f"{links.transcript(talk.id)}{other.split('#')[0]}")
    assert in_order(page.words, "root prompt", "version 1 of 2", "first version", "follows first")
    assert "second version" not in page.text
    assert "not the branch that its owner sees" in page.words
    assert page.links(f"?through={second.pk}")


def test_each_response_says_how_it_went(look: Look, owner: User):
    talk = Talk(owner)
    talk.respond(
        "x", "y", status=lifecycle.CANCELLED, incomplete_reason="cancelled", model="a-model",
        provider="a-provider", input_tokens=1500, cached_tokens=100, output_tokens=80,
        reasoning_tokens=30, usage_estimated=True, first_delta_at=BEGAN + timedelta(seconds=1),
        receipt={"asked_by": "ada", "asked_at": 1.0, "upstream_closed_at": 1.02},
        metadata={"ticket": "4711"}, request={"temperature": 0.5, "instructions": "Be brief."},
    )  # fmt: skip
    words = look(links.transcript(talk.id)).words
    for said in (
        "cancelled a-model by a-provider", f"asked by {owner.username}",
        "input 1,500 tokens (100 cached, estimated)", "output 80 tokens (30 reasoning, estimated)",
        "first delta 1.00 s", "took 5.00 s", "speed about 20.0 tokens/s",
        "Cancelled by ada at 1970-01-01 00:00:01 UTC · upstream closed after 20.0 ms",
        '"ticket": "4711"', '"instructions": "Be brief."',
    ):  # fmt: skip
        assert said in words, said


def test_who_took_over_from_whom_is_told(look: Look, owner: User):
    talk = Talk(owner)
    switch = {"from": "first", "to": "second", "reason": "rate_limit_exceeded", "at": 1.0}
    talk.respond("x", provider="second", switches=[switch])
    words = look(links.transcript(talk.id)).words
    assert "by second" in words
    assert "taken over from first (rate_limit_exceeded)" in words


def test_whether_the_cache_answered_is_told(look: Look, owner: User):
    talk = Talk(owner)
    talk.respond("x", cache="hit")
    assert "cache answered from it" in look(links.transcript(talk.id)).words
    other = Talk(owner)
    other.respond("x")
    assert "cache" not in look(links.transcript(other.id)).words


def test_an_error_is_told_with_its_code_and_message(look: Look, owner: User):
    error = {"code": "rate_limit_exceeded", "message": "Wait for 20 seconds."}
    talk = Talk(owner)
    talk.respond("x", status=lifecycle.FAILED, error=error)
    assert "rate_limit_exceeded Wait for 20 seconds." in look(links.transcript(talk.id)).words


def test_thinking_and_calls_are_folded_away(look: Look, owner: User):
    talk = Talk(owner)
    response = talk.respond("weather?")
    talk.add(response, "Let me think.", type="reasoning", direction="output")
    call = {"name": "get_weather", "call_id": "call_1", "arguments": "{}"}
    talk.add(response, "get_weather({})", type="function_call", direction="output", body=call)
    talk.add(response, "21 degrees", type="function_call_output", body={"call_id": "call_1"})
    page = look(links.transcript(talk.id))
    assert in_order(
        page.words, "reasoning fields Let me think.", "calls get_weather fields get_weather({})",
        "function call output fields 21 degrees",
    )  # fmt: skip
    folded = [each for name, each in page.elements if name == "details"]
    assert len([each for each in folded if "said" in (each.get("class") or "")]) == 3
    assert not [each for each in folded if "open" in each]


def test_feedback_stands_beside_what_it_is_about(look: Look, owner: User):
    talk = Talk(owner)
    response = talk.respond("x")
    item = talk.add(response, "an answer", direction="output", role="assistant")
    critic = new_account().user
    Feedback.objects.create(user=critic, response=response, rating=-1, comment="Too\nlong.")
    Feedback.objects.create(user=owner, response=response, item=item, rating=1, tags=["kind"])
    Feedback.objects.create(user=new_account().user, response=response, rating=0)
    words = look(links.transcript(talk.id)).words
    assert in_order(words, "an answer", f"good kind {owner.username}", f"bad {critic.username}")
    assert "Too long." in words
    assert "taken back" not in words


def test_a_live_response_shows_what_it_says_so_far(look: Look, owner: User):
    talk = Talk(owner)
    before = talk.respond("before", "answered before")
    live = talk.respond("go on", after=before, status=lifecycle.IN_PROGRESS)
    log(live, "Once upon ", "a ti", "me")
    WaitingPrompt.objects.create(
        conversation=talk.conversation, user=owner, event_id=ids.event_id(),
        request={"preview": "And then?"},
    )  # fmt: skip
    words = look(links.transcript(talk.id)).words
    assert in_order(
        words, "in progress", "go on", "assistant in progress Once upon a time",
        "still being written", "waits its turn", "And then?",
    )  # fmt: skip


def test_a_response_that_ends_while_it_is_read_is_not_shown_twice(
    look: Look, owner: User, monkeypatch
):
    talk = Talk(owner)
    live = talk.respond("go on", status=lifecycle.IN_PROGRESS)
    log(live, "Once upon a time")

    def end() -> None:
        talk.add(live, "Once upon a time", direction="output", role="assistant")
        Response.objects.filter(pk=live.pk).update(
            status=lifecycle.COMPLETED, ended_at=BEGAN, last_number=9
        )
        connection.close()

    def kept_items_late(*arguments):
        with ThreadPoolExecutor() as somebody_else:
            somebody_else.submit(end).result()
        return kept_items(*arguments)

    monkeypatch.setattr(transcript, "kept_items", kept_items_late)
    page = look(links.transcript(talk.id))
    assert Response.objects.get(pk=live.pk).status == lifecycle.COMPLETED
    assert page.text.count("Once upon a time") == 1


def test_a_live_response_that_has_said_nothing_yet_shows_its_prompt(look: Look, owner: User):
    talk = Talk(owner)
    live = talk.respond("hello?", status=lifecycle.IN_PROGRESS)
    log(live)
    assert "hello?" in look(links.transcript(talk.id)).words


def test_a_conversation_without_a_word_says_so(look: Look, owner: User):
    assert "Nothing was said yet." in look(links.transcript(Talk(owner).id)).words


def test_a_long_conversation_is_read_in_pages_for_the_same_number_of_queries(
    boss: Client, owner: User
):
    def long_talk(responses: int) -> Talk:
        talk, parent = Talk(owner), None
        for number in range(responses):
            parent = talk.respond(f"prompt {number}.", f"answer {number}.", after=parent)
        return talk

    def look(path: str) -> tuple[Page, int]:
        with CaptureQueriesContext(connection) as captured:
            answer = boss.get(path)
        return Page(answer.content.decode()), len(captured)

    short, long = long_talk(2), long_talk(250)
    page, few = look(links.transcript(short.id))
    assert "Page 1" not in page.words
    page, many = look(links.transcript(long.id))
    assert many == few <= 16
    assert "Page 1 of 3" in page.words
    assert "answer 99." in page.text and "prompt 100." not in page.text
    page, _ = look(links.transcript(long.id) + "?page=3")
    assert "prompt 200." in page.text and "answer 249." in page.text
    assert "prompt 199." not in page.text
    for beyond in ("4", "0", "-1", "x", "9" * 4000):
        assert look(f"{links.transcript(long.id)}?page={beyond}")[0].words


def test_a_link_to_a_response_opens_the_page_on_which_it_stands(look: Look, owner: User):
    talk, parent = Talk(owner), None
    for number in range(120):
        parent = talk.respond(f"prompt {number}.", after=parent)
    assert parent is not None
    path = links.transcript(talk.id, parent.pk)
    assert path.endswith(f"#{parent.pk}")
    page = look(path)
    assert "Page 2 of 2" in page.words and "prompt 119." in page.text
    assert parent.pk in {each.get("id") for name, each in page.elements if name == "li"}
    assert page.links(f"through={parent.pk}&page=1")


def test_a_long_item_is_cut_in_the_transcript_and_whole_on_its_own_page(look: Look, owner: User):
    talk = Talk(owner)
    text = "".join(f"line {number}\n" for number in range(100_000))
    assert len(text) > 1_000_000
    item = talk.add(talk.respond(), text, body={"content": [{"type": "input_text", "text": text}]})
    page = look(links.transcript(talk.id))
    assert "line 1000\n" in page.text and "line 9000\n" not in page.text
    assert f"{len(text) - 20_000} characters more" in page.words
    (whole,) = set(page.links("/items/"))
    assert whole == links.item(talk.id, item.pk)
    assert text in look(whole).text


def test_what_is_not_there_is_not_found(boss: Client, owner: User):
    talk, other = Talk(owner), Talk(owner)
    foreign = other.add(other.respond(), "x")
    for path in (
        links.transcript("conv_none"), links.transcript("conv_\x00"),
        links.item(talk.id, foreign.pk), links.item(talk.id, "\x00"),
    ):  # fmt: skip
        assert boss.get(path).status_code == 404, path
