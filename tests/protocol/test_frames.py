"""What no frame may hold, wherever it hides."""

import pytest

from chat.protocol.errors import BadRequest
from chat.protocol.frames import decode

MAX_BYTES = 1 << 24
NESTS = [("[", "]"), ('{"a":', "}"), ('[0,{"a":', "}]")]


def nested(opening: str, closing: str, times: int, inner: str = "0") -> str:
    return '{"a":' + opening * times + inner + closing * times + ',"b":[[]]}'


def refusal_of(text: str) -> BadRequest:
    with pytest.raises(BadRequest) as refusal:
        decode(text, MAX_BYTES)
    return refusal.value


@pytest.mark.parametrize(("opening", "closing"), NESTS)
def test_a_frame_is_nested_no_deeper_than_can_be_written_again(opening: str, closing: str):
    levels = opening.count("[") + opening.count("{")
    assert decode(nested(opening, closing, 200 // levels - 1), MAX_BYTES)["b"] == [[]]
    for times in (200 // levels, 400):
        assert refusal_of(nested(opening, closing, times)).code == "invalid_frame"
    assert refusal_of(nested(opening, closing, 100_000)).code == "invalid_json"


@pytest.mark.parametrize(("opening", "closing"), NESTS)
def test_a_nul_is_found_however_deep_it_lies(opening: str, closing: str):
    assert refusal_of(nested(opening, closing, 400, '"\\u0000"')).code == "invalid_text"
