"""A write that was ended goes on: what is finished is kept, what differs is written again."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import VqaFiles
from vqadata import OutputOptions, clean, convert, merge, repack, split, verify
from vqadata.cleaners.audit import Audit
from vqadata.shards.journal import Journal
from vqadata.sources.coco_vqa import CocoVqa

SMALL = OutputOptions(shard_mb=1)
PICTURES, SHARDS = 40, 5


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
    monkeypatch.setattr("vqadata.rearranging.resharding.BATCH_BYTES", 300_000)


@pytest.fixture
def files(tmp_path: Path) -> VqaFiles:
    return VqaFiles(tmp_path / "raw", questions=2 * PICTURES, pictures=PICTURES).padded(120_000)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


class Ended(NamedTuple):
    """A run that was ended, and what it should have come to."""

    left: Path
    """Everything that lay in the output folder at that moment."""
    whole: dict[str, bytes]


Run = Callable[[Path], object]


@pytest.fixture
def ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ended]:
    """Runs something and keeps what a kill would leave when ``shards`` are finished."""

    def end(run: Run, shards: int = 3, place: str = "vqadata.shards.journal.Journal.add") -> Ended:
        home, name = place.rsplit(".", 1)
        module, kind = home.rsplit(".", 1)
        real = getattr(getattr(__import__(module, fromlist=[kind]), kind), name)
        calls, left = 0, tmp_path / "left"

        def add(*args: Any) -> Any:
            nonlocal calls
            outcome = real(*args)
            calls += 1
            if calls == shards:
                shutil.copytree(tmp_path / "out", left)
            return outcome

        with monkeypatch.context() as patch:
            patch.setattr(place, add)
            run(tmp_path / "out")
        whole = tree(tmp_path / "out")
        shutil.rmtree(tmp_path / "out")
        assert not (left / "manifest.json").exists()
        return Ended(left, whole)

    return end


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the shards that are written."""
    names: list[str] = []
    real = Journal.add

    def add(self: Journal, entry: Any) -> None:
        names.append(entry.file)
        real(self, entry)

    monkeypatch.setattr(Journal, "add", add)
    return names


def test_a_conversion_goes_on(
    files: VqaFiles, ended: Callable[..., Ended], written: list[str], caplog: Any
) -> None:
    source = CocoVqa(**files.write())
    left, whole = ended(lambda out: convert(source, out, SMALL))
    assert len(written) == SHARDS
    del written[:]
    with caplog.at_level(logging.WARNING):
        convert(source, left, SMALL)
    assert "found an unfinished run; going on behind 3 finished shards" in caplog.text
    assert written == ["val2014-00003.arrow", "val2014-00004.arrow"]
    assert tree(left) == whole


def test_all_that_write_shards_go_on(
    files: VqaFiles, tmp_path: Path, ended: Callable[..., Ended], written: list[str]
) -> None:
    convert(CocoVqa(**files.write()), tmp_path / "one", SMALL)
    other = VqaFiles(tmp_path / "more", questions=PICTURES, pictures=PICTURES).padded(120_000)
    for i in range(PICTURES):
        other.picture(i).write_bytes(other.picture(i).read_bytes() + b"other")
    convert(CocoVqa(**other.write()), tmp_path / "two", SMALL)
    runs: dict[str, Run] = {
        "clean": lambda out: clean(tmp_path / "one", out, [Audit()], SMALL),
        "merge": lambda out: merge([tmp_path / "one", tmp_path / "two"], out, SMALL),
        "repack": lambda out: repack(tmp_path / "one", out, SMALL),
        "split": lambda out: split(tmp_path / "one", out, {"train": 0.7, "val": 0.3}, SMALL),
    }
    for name, run in runs.items():
        del written[:]
        left, whole = ended(run)
        all_of_them = list(written)
        del written[:]
        run(left)
        assert sorted(written) == sorted(all_of_them[3:]), name
        assert tree(left) == whole, name
        shutil.rmtree(left)


def test_shards_that_were_moved_out_already_are_kept(
    files: VqaFiles, ended: Callable[..., Ended], written: list[str]
) -> None:
    source = CocoVqa(**files.write())
    left, whole = ended(lambda out: convert(source, out, SMALL), 3, "pathlib.Path.rename")
    assert len(list(left.glob("*.arrow"))) == 2, "the ledger is the first to be moved"
    del written[:]
    convert(source, left, SMALL)
    assert written == []
    assert tree(left) == whole


def test_a_damaged_shard_is_written_again(
    files: VqaFiles, ended: Callable[..., Ended], written: list[str]
) -> None:
    source = CocoVqa(**files.write())
    left, whole = ended(lambda out: convert(source, out, SMALL))
    data = bytearray((left / ".unfinished" / "val2014-00001.arrow").read_bytes())
    data[len(data) // 2] ^= 1
    (left / ".unfinished" / "val2014-00001.arrow").write_bytes(data)
    (left / ".unfinished" / "journal" / "val2014-00002.arrow.json").write_text("{")
    del written[:]
    convert(source, left, SMALL)
    assert written == [f"val2014-0000{n}.arrow" for n in (1, 2, 3, 4)]
    assert tree(left) == whole


@pytest.mark.parametrize("number", [10, 17, 23])
def test_a_picture_that_changed_since_is_seen(
    number: int, files: VqaFiles, tmp_path: Path, ended: Callable[..., Ended], written: list[str],
    caplog: Any,
) -> None:  # fmt: skip
    """The second shard holds pictures 9 to 17; its batches before the changed one are kept."""
    source = CocoVqa(**files.write())
    left, _ = ended(lambda out: convert(source, out, SMALL))
    changed = bytearray(files.picture(number).read_bytes())
    changed[-1] ^= 1
    files.picture(number).write_bytes(changed)
    del written[:]
    convert(source, left, SMALL)
    shard = f"val2014-0000{number // 9}.arrow"
    assert f"{shard}: its rows have changed since; writing it again" in caplog.text
    assert written == [shard, "val2014-00003.arrow", "val2014-00004.arrow"]
    assert verify(left).problems == []
    convert(source, tmp_path / "fresh", SMALL)
    assert tree(left) == tree(tmp_path / "fresh")


def test_fewer_rows_than_before_leave_nothing_behind(
    files: VqaFiles, tmp_path: Path, ended: Callable[..., Ended]
) -> None:
    source = CocoVqa(**files.write())
    left, _ = ended(lambda out: convert(source, out, SMALL))
    for number in range(12, PICTURES):
        files.picture(number).unlink()
    convert(source, left, SMALL)
    convert(source, tmp_path / "fresh", SMALL)
    assert tree(left) == tree(tmp_path / "fresh")
    assert sorted(p.name for p in left.glob("*.arrow")) == [
        "val2014-00000.arrow", "val2014-00001.arrow",
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["input", "options"])
def test_another_run_starts_clean(
    what: str, files: VqaFiles, tmp_path: Path, ended: Callable[..., Ended], written: list[str],
    caplog: Any,
) -> None:  # fmt: skip
    left, _ = ended(lambda out: convert(CocoVqa(**files.write()), out, SMALL))
    options = SMALL
    if what == "input":
        files.questions[0]["question"] = "Another one?"
    else:
        options = OutputOptions(shard_mb=2)
    source = CocoVqa(**files.write())
    del written[:]
    convert(source, left, options)
    said = "found an unfinished run; it had other input, options or versions: removing it"
    assert said in caplog.text
    assert written[0] == "val2014-00000.arrow"
    convert(source, tmp_path / "fresh", options)
    assert tree(left) == tree(tmp_path / "fresh")


def test_an_interrupt_keeps_what_is_finished(
    files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    source = CocoVqa(**files.write())
    real, calls = Journal.add, 0

    def add(self: Journal, entry: Any) -> None:
        nonlocal calls
        calls += 1
        real(self, entry)
        if calls == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", add)
        with pytest.raises(KeyboardInterrupt):
            convert(source, tmp_path / "out", SMALL)
    assert "2 finished shards kept; the same command goes on from there" in caplog.text
    convert(source, tmp_path / "out", SMALL)
    convert(source, tmp_path / "fresh", SMALL)
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")
