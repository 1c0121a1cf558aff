"""What is kept is what was shown; and what must never be, Postgres refuses."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from chat.models import Conversation, Feedback, Item, Lease, Log, Response
from tests.service import Account
from tests.upstream_script import Script, call, chunk, done, finish, think, usage
from tests.wire.lines import TOOL, kept

UNTIL = datetime(2099, 1, 1, tzinfo=UTC)


def answer(*steps: bytes) -> Script:
    return Script([*steps, finish(), usage(read=21, written=34), done()])


def as_item(row: Item) -> dict[str, Any]:
    role = {"role": row.role} if row.role else {}
    return {"type": row.type, "id": row.id, "status": row.status, **role, **row.body}


async def test_the_rows_are_what_was_shown(chat, model, account):
    prompt = model.answers(
        answer(think("Hm."), chunk("Let me "), chunk("look."), call(0, "c1", "look", '{"a": 1}'))
    )
    response = await chat.answer(prompt, tools=[TOOL], metadata={"a": "b"}, event_id="p")
    await chat.fence()

    def look() -> None:
        row = Response.objects.get(pk=response["id"])
        assert row.status == response["status"] == "completed"
        assert [as_item(each) for each in row.items.filter(direction="output")] == (
            response["output"]
        )
        asked = row.items.get(direction="input")
        assert (asked.role, asked.text) == ("user", prompt)
        assert (row.input_tokens, row.output_tokens, row.usage_estimated) == (21, 34, False)
        assert response["usage"]["total_tokens"] == 55
        assert row.created_at <= row.first_delta_at <= row.ended_at
        assert int(row.created_at.timestamp()) == response["created_at"]
        assert int(row.ended_at.timestamp()) == response["completed_at"]
        assert (row.model, row.provider) == ("test-model", row.provider)
        assert row.provider
        assert (row.created_by, row.metadata, row.event_ids) == (account.user, {"a": "b"}, ["p"])
        assert row.request["tools"] == response["tools"]
        assert row.last_number == max(chat.numbers(response["id"]))
        assert row.conversation.title == prompt
        assert not Lease.objects.filter(pk=row.pk).exists()

    await kept(look)


async def test_the_log_holds_every_event_as_it_was_sent(chat, model):
    response = await chat.answer(model.answers(answer(chunk("One "), think("Hm."), chunk("two"))))
    logged = await kept(
        lambda: list(
            Log.objects.filter(response_id=response["id"])
            .order_by("first_number")
            .values_list("first_number", "last_number", "events")
        )
    )
    written = [json.loads(line) for _, _, events in logged for line in events.split("\n")]
    assert written == chat.events(response["id"])
    expected = 0
    for first, last, events in logged:
        assert first == expected
        assert len(events.split("\n")) == last - first + 1
        expected = last + 1


async def test_positions_have_no_hole_whatever_happened(chat, model):
    first = await chat.answer(model.says("One."))
    conversation = first["conversation"]["id"]
    stopped = await chat.prompt(model.begins("Two "), conversation=conversation)
    await chat.shown(stopped, "Two ")
    await chat.send("response.steer", previous_response_id=stopped, input=model.says("Three."))
    await chat.until("response.completed")
    await chat.answer(model.answers(Script([], status=500)), conversation=conversation)
    cancelled = await chat.prompt(model.is_silent(), previous_response_id=first["id"])
    await chat.send("interject:cancel", response_id=cancelled)
    await chat.end(cancelled)

    def look() -> tuple[list[int], int]:
        row = Conversation.objects.get(pk=conversation)
        return list(row.items.values_list("position", flat=True)), row.next_position

    positions, following = await kept(look)
    assert positions == list(range(len(positions)))
    assert following == len(positions) == 2 + 2 + 2 + 1 + 1


async def test_time_to_first_delta_is_on_every_response_that_said_something(chat, model):
    said = await chat.answer(model.says("One."))
    silent = await chat.answer(model.answers(Script([], status=500)))
    found = await kept(lambda: dict(Response.objects.values_list("id", "first_delta_at")))
    assert found[said["id"]] is not None
    assert found[silent["id"]] is None


async def test_deleting_leaves_nothing_behind(chat, model):
    response = await chat.answer(model.says("One."))

    def remove() -> list[int]:
        Conversation.objects.filter(pk=response["conversation"]["id"]).update(shown=None)
        found = Item.objects.filter(response_id=response["id"])
        before = found.count()
        Conversation.objects.get(pk=response["conversation"]["id"]).delete()
        return [before, found.count()]

    assert await kept(remove) == [2, 0]


async def test_only_items_that_there_are_can_be_judged_while_they_are_written(chat, model):
    response_id = await chat.prompt(model.begins("One "))
    added = await chat.until("response.output_item.added")
    await chat.shown(response_id, "One ")
    item_id = added["item"]["id"]
    for wrong in (
        "%",
        item_id[:-1] + "_",
        item_id[:-1],
        response_id,
        f'{item_id}","type":"message',
    ):
        await chat.send("interject:feedback", item_id=wrong, rating=1)
        assert (await chat.refusal())["error"]["code"] == "response_not_found"
    await chat.send("interject:feedback", item_id=item_id, rating=1)
    assert (await chat.until("interject:feedback"))["response_id"] == response_id
    found = await kept(lambda: list(Feedback.objects.filter(response=response_id)))
    assert [each.item_id for each in found] == [item_id]


# --- what Postgres refuses


@pytest.fixture
def response(account: Account, database) -> Response:
    """A response with three items, made without the service."""
    conversation = Conversation.objects.create(owner=account.user, next_position=3)
    made = Response.objects.create(conversation=conversation, created_by=account.user, model="m")
    for position in range(3):
        item(made, position)
    return made


def item(response: Response, position: int, **fields: Any) -> Item:
    return Item.objects.create(
        id=f"msg_{response.pk[5:30]}{position}",
        conversation=response.conversation,
        response=response,
        position=position,
        direction=fields.pop("direction", "input"),
        type="message",
        body={},
    )


@pytest.fixture
def refuses():
    """Postgres refuses what is tried within."""

    def attempt(work: Any) -> None:
        with transaction.atomic():
            work()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

    def trying(work: Any) -> str:
        with pytest.raises(IntegrityError) as refusal:
            attempt(work)
        return str(refusal.value)

    return trying


def test_no_response_is_leased_twice(response, refuses):
    Lease.objects.create(response_id=response.pk, owner="one", attempt=1, until=UNTIL)
    again = Lease(response_id=response.pk, owner="two", attempt=1, until=UNTIL)
    assert "lease_pkey" in refuses(lambda: again.save(force_insert=True))


def test_no_item_stands_after_a_hole(response, refuses):
    assert "foreign key" in refuses(lambda: item(response, 4))


def test_no_item_is_taken_out_of_the_middle(response, refuses):
    middle = Item.objects.filter(response=response, position=1)
    assert "foreign key" in refuses(lambda: middle._raw_delete("default"))


def test_no_two_items_have_one_place(response, refuses):
    double = Item(
        id="msg_" + response.pk[5:], conversation=response.conversation, response=response,
        position=2, direction="input", type="message", body={},
    )  # fmt: skip
    assert "item_position" in refuses(lambda: double.save(force_insert=True))


def test_no_item_goes_in_an_unknown_direction(response, refuses):
    assert "item_direction_known" in refuses(lambda: item(response, 3, direction="up"))


@pytest.mark.parametrize("rating", [-2, 2, 100])
def test_no_feedback_is_out_of_range(response, refuses, account, rating):
    given = {"user": account.user, "response": response, "rating": rating}
    assert "feedback_rating_range" in refuses(lambda: Feedback.objects.create(**given))


def test_nobody_judges_a_response_twice(response, refuses, account):
    given = {"user": account.user, "response": response, "rating": 1}
    Feedback.objects.create(**given)
    assert "feedback_once" in refuses(lambda: Feedback.objects.create(**given))


def test_no_two_batches_of_a_log_begin_alike(response, refuses):
    batch = {"response_id": response.pk, "first_number": 0, "last_number": 1, "events": "{}"}
    Log.objects.create(**batch)
    assert "log_pkey" in refuses(lambda: Log(**batch).save(force_insert=True))


def test_no_batch_of_a_log_ends_before_it_begins(response, refuses):
    batch = Log(response_id=response.pk, first_number=5, last_number=4, events="{}")
    assert "log_numbers_ascend" in refuses(lambda: batch.save(force_insert=True))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "sleeping"},
        {"status": "completed"},
        {"status": "completed", "last_number": 7},
        {"ended_at": "2026-01-01T00:00Z"},
        {"last_number": 7},
    ],
)
def test_no_response_is_in_a_state_that_cannot_be(response, refuses, changes):
    found = Response.objects.filter(pk=response.pk)
    assert "response_" in refuses(lambda: found.update(**changes))


def test_no_response_is_its_own_parent(response, refuses):
    found = Response.objects.filter(pk=response.pk)
    assert "own_parent" in refuses(lambda: found.update(parent=response.pk))


def test_a_response_that_never_was_cannot_be_judged(refuses, account):
    given = {"user": account.user, "response_id": "resp_none", "rating": 1}
    assert "foreign key" in refuses(lambda: Feedback.objects.create(**given))
