"""What any process can do for a response that runs in another one: everything."""

import signal

from tests.faults.cluster import Cluster
from tests.gate import Gate
from tests.service import Account
from tests.wire.lines import Model, line, texts


async def test_a_worker_runs_what_a_web_process_took(
    cluster: Cluster, account: Account, model: Model
):
    async with line(cluster.webs[0], account) as chat:
        ended = await chat.answer(model.says("Hello, ", "world"))
        assert ended["status"] == "completed"
        assert texts(ended) == "Hello, world"
        assert chat.kinds(ended["id"])[:3] == [
            "response.created", "response.queued", "response.in_progress",
        ]  # fmt: skip
        assert chat.numbers(ended["id"]) == list(range(len(chat.events(ended["id"]))))


async def test_another_process_follows_and_cancels(
    cluster: Cluster, account: Account, model: Model
):
    async with line(cluster.webs[0], account) as asker, line(cluster.webs[1], account) as other:
        response_id = await asker.prompt(model.begins("one ", "two "))
        await asker.shown(response_id, "one two ")
        await other.follow(asker.conversation_of(response_id))
        await other.send("interject:cancel", response_id=response_id)
        assert (await other.end(response_id))["status"] == "cancelled"
        receipt = await other.until("interject:cancelled")
        assert receipt["receipt"]["asked_by"] == account.username
        assert (await asker.end(response_id))["status"] == "cancelled"


async def test_another_process_steers(cluster: Cluster, account: Account, model: Model):
    async with line(cluster.webs[0], account) as asker, line(cluster.webs[1], account) as other:
        response_id = await asker.prompt(model.begins("one "))
        await asker.shown(response_id, "one ")
        await other.follow(asker.conversation_of(response_id))
        steer = model.says("instead")
        await other.send("response.steer", previous_response_id=response_id, input=steer)
        await other.until("response.steer.accepted")
        assert (await asker.end(response_id))["incomplete_details"] == {"reason": "steered"}
        created = await other.until("response.created")
        ended = await other.end(created["response"]["id"])
        assert ended["previous_response_id"] == response_id
        assert texts(ended) == "instead"


async def test_a_prompt_that_another_process_queued_comes_next(
    cluster: Cluster, account: Account, model: Model
):
    gate = Gate()
    async with line(cluster.webs[0], account) as asker, line(cluster.webs[1], account) as other:
        response_id = await asker.prompt(model.says("one ", "two", gate=gate))
        conversation = asker.conversation_of(response_id)
        await other.send("response.create", input=model.says("three"), conversation=conversation)
        await other.until("interject:queued")
        gate.open()
        assert texts(await asker.end(response_id)) == "one two"
        created = await other.until("response.created")
        assert texts(await other.end(created["response"]["id"])) == "three"


async def test_a_response_that_no_worker_took_can_be_cancelled(
    cluster: Cluster, account: Account, model: Model
):
    for worker in cluster.workers:
        worker.signal(signal.SIGTERM)
        worker.wait()
    async with line(cluster.webs[0], account) as chat:
        prompt = model.says("never")
        response_id = await chat.prompt(prompt)
        await chat.send("interject:cancel", response_id=response_id)
        assert (await chat.end(response_id))["status"] == "cancelled"
        assert model.times_asked(prompt) == 0
