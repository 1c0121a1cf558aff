"""Where the bytes of an answer are cut for a test. Pure.

A cut makes two chunks of the HTTP body, so two reads. What is short is cut once at every position.
What is longer is cut at every position too, but at many in each answer: every `STRIDE`th, for each
offset; over `LONG_BYTES`, for a sample of the offsets.
"""

from itertools import pairwise

SHORT_BYTES = 1_500
LONG_BYTES = 20_000
STRIDE = 61
SAMPLE = 4


def cuts_of(data: bytes, step: int = 1) -> list[list[bytes]]:
    """The answers, each as its pieces. `step`: from one offset to the next, where all are taken."""
    if len(data) <= SHORT_BYTES:
        return [cut_at(data, [position]) for position in range(1, len(data))]
    offsets = range(1, STRIDE, STRIDE // SAMPLE if len(data) > LONG_BYTES else step)
    return [cut_at(data, list(range(each, len(data), STRIDE))) for each in offsets]


def cut_at(data: bytes, positions: list[int]) -> list[bytes]:
    edges = [0, *positions, len(data)]
    pieces = [data[start:end] for start, end in pairwise(edges)]
    return [piece for piece in pieces if piece]
