"""Digests of what is written, taken on the way."""

import hashlib
import random
from pathlib import Path

import pytest
import xxhash

from vqadata.groundwork.digests import LARGE, HashingFile, file_digest


def pieces(seed: int) -> list[bytes]:
    """Writes of all sizes in any order, some of which a thread digests."""
    chance = random.Random(seed)
    sizes = [chance.choice([0, 1, 7, LARGE - 1, LARGE, 3 * LARGE]) for _ in range(30)]
    return [chance.randbytes(size) for size in sizes]


@pytest.mark.parametrize("seed", range(5))
def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path, seed: int) -> None:
    file, written = HashingFile(tmp_path / "file"), pieces(seed)
    for piece in written:
        file.write(piece)
    digest = file.digest()
    file.close()
    assert (tmp_path / "file").read_bytes() == b"".join(written)
    assert digest == hashlib.sha256(b"".join(written)).hexdigest() == file_digest(tmp_path / "file")


def test_digest_may_be_asked_for_on_the_way(tmp_path: Path) -> None:
    file = HashingFile(tmp_path / "file")
    file.write(b"a" * 3 * LARGE)
    assert file.digest() == hashlib.sha256(b"a" * 3 * LARGE).hexdigest()
    file.write(b"b")
    assert file.digest() == hashlib.sha256(b"a" * 3 * LARGE + b"b").hexdigest()
    file.close()


def test_parts_that_lie_across_writes(tmp_path: Path) -> None:
    whole = random.Random(0).randbytes(4 * LARGE)
    file = HashingFile(tmp_path / "file")
    file.expect(100, 3 * LARGE)
    for start in range(0, len(whole), 2 * LARGE):
        file.write(whole[start : start + 2 * LARGE])
    cuts = (whole[:100], whole[100 : 100 + 3 * LARGE], whole[100 + 3 * LARGE :])
    assert [*file.parts(), file.rest()] == [xxhash.xxh3_128_hexdigest(cut) for cut in cuts]
    file.close()
