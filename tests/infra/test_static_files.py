"""What pages are made of is served on both servers, without a question to Django."""

import http.client
from pathlib import Path

import pytest

from tests.service import ROOT, Service

SCRIPT = "/static/js/theme.js"


def ask(
    served: Service, path: str, method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, headers=named)
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_a_file_is_served_as_it_is_written(served):
    answer, body = ask(served, SCRIPT)
    assert (answer.status, body) == (200, (ROOT / SCRIPT.removeprefix("/")).read_bytes())
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_large_file_is_served_whole(served):
    folder = ROOT / "static" / "dist"
    largest = max(folder.rglob("*.js"), key=lambda path: path.stat().st_size)
    answer, body = ask(served, f"/{largest.relative_to(ROOT)}")
    assert (answer.status, body) == (200, largest.read_bytes())


def test_what_a_browser_has_already_is_not_sent_again(served):
    first, _ = ask(served, SCRIPT)
    again, body = ask(served, SCRIPT, If_None_Match=first.headers["ETag"])
    assert (again.status, body) == (304, b"")
    assert first.headers["Cache-Control"] == "max-age=0, public"


def test_a_part_and_the_head_of_a_file_may_be_asked_for(served):
    _, whole = ask(served, SCRIPT)
    part, body = ask(served, SCRIPT, Range="bytes=2-9")
    assert (part.status, body) == (206, whole[2:10])
    head, nothing = ask(served, SCRIPT, method="HEAD")
    assert (head.status, nothing) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(whole)


def test_a_file_can_only_be_read(served):
    answer, _ = ask(served, SCRIPT, method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    ["/static/js/nothing.js", "/static/../manage.py", "/static/%2e%2e/manage.py", "/static/"],
)
def test_what_is_no_file_is_not_found(served, path):
    answer, body = ask(served, path)
    assert answer.status == 404
    assert Path(ROOT, "manage.py").read_bytes() not in body
