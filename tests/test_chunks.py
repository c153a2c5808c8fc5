"""Which pictures were met before, whatever their digests have in common."""

from __future__ import annotations

import random

from vqadata.cleaning.chunks import _Met


def test_digests_are_new_once_even_if_they_share_a_half() -> None:
    chance, met, known = random.Random(2), _Met(None), set[str]()
    halves = [f"{chance.getrandbits(64):016x}" for _ in range(12)]
    for _ in range(40):
        digests = [chance.choice(halves) + chance.choice(halves) for _ in range(9)]
        expected = []
        for digest in digests:
            expected.append(digest not in known)
            known.add(digest)
        assert met.add(digests) == expected
    assert met.add([]) == []
