"""Which pictures were met before, whatever their digests have in common."""

from __future__ import annotations

import random

from vqadata.groundwork.digest_index import DigestIndex
from vqadata.groundwork.id_index import UNKNOWN


def test_digests_are_told_apart_even_if_they_share_a_half() -> None:
    chance, met, known = random.Random(2), DigestIndex(), dict[str, int]()
    halves = [f"{chance.getrandbits(64):016x}" for _ in range(12)]
    for _ in range(40):
        digests = [chance.choice(halves) + chance.choice(halves) for _ in range(9)]
        for number, digest in enumerate(digests, len(met)):
            known.setdefault(digest, number)
        assert met.add(digests).tolist() == [known[digest] for digest in digests]
        asked = [chance.choice(halves) + chance.choice(halves) for _ in range(9)]
        assert met.find(asked).tolist() == [known.get(digest, UNKNOWN) for digest in asked]
    assert met.add([]).tolist() == []
