"""The tests' own upstream does what its script says, also for tests without a loop."""

import http.client
import json
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.gate import Gate
from tests.upstream import Upstream
from tests.upstream_script import Script, asked_for, chunk, done, finish, say, tokens, whole


def post(upstream: Upstream, prompt: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port)
    content = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
    connection.request("POST", "/v1/chat/completions", json.dumps(content))
    answer = connection.getresponse().read()
    connection.close()
    return answer


def test_it_runs_in_a_thread_and_waits_at_gates():
    gate = Gate()
    with Upstream(whole("a", "b", gate=gate)).in_thread() as upstream, ThreadPoolExecutor() as pool:
        answer = pool.submit(post, upstream, "Hello")
        seen = upstream.wait_for_request()
        assert seen.prompt == "Hello"
        assert upstream.open_streams == 1
        gate.open()
        assert chunk("a") + chunk("b") in answer.result()
        seen.wait_closed()
        assert upstream.open_streams == 0


def test_it_notices_a_client_that_goes_away():
    with Upstream().in_thread() as upstream:
        upstream.scripts["bye"] = Script([chunk("a"), Gate()])
        client = socket.create_connection(("127.0.0.1", upstream.port))
        body = b'{"messages":[{"role":"user","content":"bye"}]}'
        head = b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        client.sendall(head + body)
        seen = upstream.wait_for_request()
        with pytest.raises(TimeoutError, match="closing by the client"):
            seen.wait_closed(0.05)
        client.close()
        assert seen.wait_closed() >= seen.arrived_at


def test_scripts_are_found_by_prompt_then_model_then_path_then_words():
    with Upstream(whole("default")).in_thread() as upstream:
        assert b"default" in post(upstream, "Hello")
        assert chunk("1 ") in post(upstream, "say 3 tokens")
        upstream.scripts["/v1/chat/completions"] = whole("by path")
        assert b"by path" in post(upstream, "say 3 tokens")
        upstream.scripts["m"] = lambda seen: whole(f"by model, to {seen.prompt}")
        assert b"by model, to Hello" in post(upstream, "Hello")
        upstream.scripts["Hello"] = whole("by prompt")
        assert b"by prompt" in post(upstream, "Hello")


def test_gates_stand_between_words():
    first, second = Gate(), Gate()
    a, b, c = chunk("a"), chunk("b"), chunk("c")
    assert say("a", "b", "c") == [a, b, c]
    assert say("a", "b", "c", gate=first) == [a, b, first, c]
    assert say("a", "b", "c", gate=[first, second]) == [a, first, b, second, c]


def test_a_prompt_may_ask_for_its_script():
    told = asked_for("please say 3 tokens")
    assert told is not None
    assert list(told.pieces[:3]) == [chunk(token) for token in tokens(3)]
    assert told.pieces[-1] == done()
    refused = asked_for("fail with 429")
    assert refused is not None
    assert refused.status == 429
    echoed = asked_for("echo one two")
    assert echoed is not None
    assert list(echoed.pieces[:3]) == [chunk("one"), chunk(" two"), finish()]
    assert asked_for("Hello") is None
