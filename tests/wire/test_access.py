"""What is somebody else's looks as if it did not exist."""

from typing import Any

from chat.models import Conversation, Feedback, Item, Log, Response, WaitingPrompt
from tests.gate import Gate
from tests.wire.lines import kept, line, post, texts

# A frame of each kind, with the names that it bears; each answers alike for a name of somebody
# else's and for one that nobody has.
NAMING: dict[str, tuple[str, dict[str, Any]]] = {
    "a prompt in a conversation": ("response.create", {"input": "x", "conversation": "conv"}),
    "a root in a conversation": (
        "response.create",
        {"input": "x", "conversation": {"id": "conv"}, "interject": {"root": True}},
    ),
    "a continuation": ("response.create", {"input": "x", "previous_response_id": "resp"}),
    "a continuation that is not stored": (
        "response.create",
        {"input": "x", "previous_response_id": "resp", "store": False},
    ),
    "a reference": ("response.create", {"input": [{"type": "item_reference", "id": "msg"}]}),
    "a steer": ("response.steer", {"previous_response_id": "live", "input": "x"}),
    "a steer of what ended": ("response.steer", {"previous_response_id": "resp", "input": "x"}),
    "a cancel": ("interject:cancel", {"response_id": "live"}),
    "a cancel of what ended": ("interject:cancel", {"response_id": "resp"}),
    "a cancel by event": ("interject:cancel", {"target_event_id": "prompt"}),
    "a cancel of what waits": ("interject:cancel", {"target_event_id": "waiting"}),
    "a withdrawal": ("interject:dequeue", {"target_event_id": "waiting"}),
    "a follow": ("interject:follow", {"conversation": "conv"}),
    "a follow with a cursor": (
        "interject:follow",
        {"conversation": "conv", "after": [{"response_id": "resp", "sequence_number": 0}]},
    ),
    "typing": ("interject:typing", {"conversation": "conv"}),
    "feedback on a response": ("interject:feedback", {"response_id": "resp", "rating": 1}),
    "feedback on an item": ("interject:feedback", {"item_id": "msg", "rating": 1}),
    "feedback on what is being written": ("interject:feedback", {"item_id": "open", "rating": 1}),
    "feedback on both": (
        "interject:feedback", {"response_id": "resp", "item_id": "msg", "rating": 1}
    ),
    "an ack": ("interject:ack", {"response_id": "live", "sequence_number": 0}),
}  # fmt: skip


def renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: renamed(each, names) for name, each in value.items()}
    if isinstance(value, list):
        return [renamed(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def without(frame: dict[str, Any], names: dict[str, str]) -> str:
    """The frame with every id put out of sight."""
    text = repr(frame)
    for name, real in names.items():
        text = text.replace(real, name)
    return text


async def test_a_stranger_finds_nothing(served, account, stranger, model):
    async with line(served, account) as mine, line(served, stranger) as other:
        done = await mine.answer(model.says("One."), event_id="the-prompt")
        conversation = done["conversation"]["id"]
        prompt = model.begins("Two ")
        live = await mine.prompt(prompt, conversation=conversation)
        await mine.shown(live, "Two ")
        await mine.send(
            "response.create", input="w", conversation=conversation, event_id="the-next"
        )
        await mine.until("interject:queued")
        real = {
            "conv": conversation,
            "resp": done["id"],
            "live": live,
            "msg": done["output"][0]["id"],
            "open": next(e["item"]["id"] for e in mine.events(live) if "item" in e),
            "prompt": "the-prompt",
            "waiting": "the-next",
        }
        nobodys = {name: f"{name}_none" for name in real}
        before = await kept(lambda: everything_of(account))
        for name, (kind, fields) in NAMING.items():
            answers = []
            for names in (real, nobodys):
                await other.send(kind, **renamed(fields, names))
                frame = await other.receive()
                assert frame["type"] in ("error", "response.steer.failed"), name
                answers.append(without(frame, names))
            assert answers[0] == answers[1], name
        await mine.fence()
        assert await kept(lambda: everything_of(account)) == before
        assert (await model.asked(prompt)).is_open
        assert other.events(live) == []


def everything_of(account: Any) -> list[Any]:
    """The rows of all that is the account's."""
    mine = {"conversation__owner": account.user}
    responses = list(Response.objects.filter(**mine).order_by("id").values())
    return [
        list(Conversation.objects.filter(owner=account.user).values("id", "title", "shown_id")),
        responses,
        list(Item.objects.filter(**mine).order_by("id").values_list("id", flat=True)),
        list(WaitingPrompt.objects.filter(**mine).values_list("event_id", flat=True)),
        Feedback.objects.filter(response__in=[each["id"] for each in responses]).count(),
        Log.objects.filter(response_id__in=[each["id"] for each in responses]).count(),
    ]


async def test_a_strangers_conversation_in_the_address_is_not_found(
    served, account, stranger, model
):
    async with line(served, account) as mine:
        done = await mine.answer(model.says("One."))
    for conversation in (done["conversation"]["id"], "conv_none"):
        async with line(served, stranger, query=f"?conversation={conversation}") as other:
            assert (await other.refusal())["error"]["code"] == "conversation_not_found"
            await other.fence()


async def test_a_conversation_that_is_deleted_in_mid_stream_closes_upstream_and_tells_who_follows(
    served, account, model
):
    prompt = model.begins("One ")
    async with line(served, account) as mine, line(served, account) as tab:
        response_id = await mine.prompt(prompt)
        await mine.shown(response_id, "One ")
        conversation = mine.conversation_of(response_id)
        page = f"/conversations/{conversation}"
        await tab.follow(conversation)
        await post(served, await kept(account.session_cookie), f"{page}/delete")
        assert (await tab.until("interject:removed"))["conversation"] == conversation
        gone = await mine.refusal(response_id=response_id)
        assert gone["error"]["code"] == "conversation_deleted"
        await (await model.asked(prompt)).closed()
        await tab.send("interject:follow", conversation=conversation)
        assert (await tab.refusal())["error"]["code"] == "conversation_not_found"
        assert texts(await mine.answer(model.says("On."))) == "On."


async def test_a_new_title_is_told_to_who_follows(served, account, model):
    async with line(served, account) as chat, line(served, account) as tab:
        done = await chat.answer(model.says("One."))
        conversation = done["conversation"]["id"]
        await tab.follow(conversation)
        cookie = await kept(account.session_cookie)
        await post(served, cookie, f"/conversations/{conversation}/rename", {"title": "Counting"})
        told = await tab.until("interject:title")
        assert (told["conversation"], told["title"]) == (conversation, "Counting")


async def test_a_removed_member_gets_nothing_more(served, account, stranger, model):
    """The conversation is given to somebody else while its owner watches."""
    gate = Gate()
    async with line(served, account) as mine, line(served, account) as tab:
        response_id = await mine.prompt(model.says("One ", "two", gate=gate))
        await mine.shown(response_id, "One ")
        conversation = mine.conversation_of(response_id)
        await tab.follow(conversation)
        await kept(lambda: Conversation.objects.filter(pk=conversation).update(owner=stranger.user))
        assert (await tab.until("interject:removed"))["conversation"] == conversation
        async with line(served, stranger) as theirs:
            await theirs.follow(conversation)
            gate.open()
            await theirs.end(response_id)
        assert await tab.fence() == []
