"""The life of an output folder: nothing ever looks complete that is not, nothing whole is lost."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VqaFiles
from vqadata import OutputOptions, VqaDataError, clean, convert, open_shards, verify
from vqadata.groundwork.folder_lock import LOCK, folder_lock
from vqadata.groundwork.output_folder import write_durably
from vqadata.groundwork.sealed import write_sealed
from vqadata.sources.coco_vqa import CocoVqa

AGAIN = OutputOptions(overwrite=True)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_same_command_twice_gives_the_same_bytes(vqa_files: VqaFiles, tmp_path: Path) -> None:
    source = CocoVqa(**vqa_files.write())
    for name in ("one", "two"):
        convert(source, tmp_path / name)
        clean(tmp_path / name, tmp_path / f"{name}-clean")
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert tree(tmp_path / "one-clean") == tree(tmp_path / "two-clean")


def test_a_finished_folder_is_not_overwritten_unasked(vqa_files: VqaFiles, tmp_path: Path) -> None:
    source = CocoVqa(**vqa_files.write())
    convert(source, tmp_path / "out")
    before = tree(tmp_path / "out")
    with pytest.raises(VqaDataError, match=r"a finished data set; .* --overwrite"):
        convert(source, tmp_path / "out")
    assert tree(tmp_path / "out") == before
    convert(source, tmp_path / "out", AGAIN)
    assert tree(tmp_path / "out") == before


def test_a_failed_overwrite_leaves_the_old_data(vqa_files: VqaFiles, tmp_path: Path) -> None:
    paths = vqa_files.write()
    convert(CocoVqa(**paths), tmp_path / "out")
    before = tree(tmp_path / "out")
    paths["annotations"].write_text(paths["annotations"].read_text()[:-100])
    with pytest.raises(VqaDataError, match="ends inside"):
        convert(CocoVqa(**paths), tmp_path / "out", AGAIN)
    assert tree(tmp_path / "out") == before


def test_a_folder_of_other_files_is_left_alone(vqa_files: VqaFiles, tmp_path: Path) -> None:
    source = CocoVqa(**vqa_files.write())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(VqaDataError, match="files that are no data set"):
        convert(source, tmp_path / "out", AGAIN)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_shards_are_not_cleaned_into_themselves(vqa_files: VqaFiles, tmp_path: Path) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "out")
    with pytest.raises(VqaDataError, match="is the input"):
        clean(tmp_path / "out", tmp_path / "out", options=AGAIN)
    assert verify(tmp_path / "out").problems == []


def test_a_failed_run_leaves_no_folder(vqa_files: VqaFiles, tmp_path: Path) -> None:
    paths = vqa_files.write()
    paths["questions"].write_text("[{")
    with pytest.raises(VqaDataError):
        convert(CocoVqa(**paths), tmp_path / "out")
    assert not (tmp_path / "out").exists()


KILLED_AT = {
    "first pictures": ("vqadata.shards.writer.ShardWriter", "write", 0),
    "after the pictures": ("vqadata.shards.writer.ShardWriter", "close", 0),
    "ledger": ("vqadata.ledger.Ledger", "close", 0),
    "move": ("pathlib.Path", "rename", 0),
    "manifest": ("vqadata.shards.folder", "manifest_text", 0),
}
KILL = """
import importlib, os, signal, sys
place, name, calls, program = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
try:
    home = importlib.import_module(place)
except ModuleNotFoundError:
    module, _, kind = place.rpartition(".")
    home = getattr(importlib.import_module(module), kind)
real = getattr(home, name)
def killing(*args, **given):
    global calls
    if calls == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    calls -= 1
    return real(*args, **given)
setattr(home, name, killing)
sys.argv = ["vqadata", *program]
from vqadata.cli import main
main()
"""


def words(files: VqaFiles, out: Path) -> list[str]:
    paths = files.write()
    return [
        "convert", "coco-vqa", "--questions", str(paths["questions"]),
        "--annotations", str(paths["annotations"]), "-o", str(out),
    ]  # fmt: skip


@pytest.mark.parametrize("moment", KILLED_AT)
def test_a_killed_run_is_noticed_and_replaced(
    moment: str, vqa_files: VqaFiles, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    place, name, calls = KILLED_AT[moment]
    out = tmp_path / "out"
    command = words(vqa_files, out)
    done = subprocess.run(
        [sys.executable, "-c", KILL, place, name, str(calls), *command], capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not list(out.rglob("manifest.json"))
    told = run_cli("verify", out)
    assert told.returncode == 2
    assert "unfinished" in told.stderr
    again = run_cli(*command)
    assert again.returncode == 0
    assert "found an unfinished run; " in again.stderr
    assert verify(out).problems == []
    assert sorted(p.name for p in out.iterdir()) == [
        "ledger.parquet", "manifest.json", "val2014-00000.arrow",
    ]  # fmt: skip


def test_of_two_runs_the_second_is_told_who_writes(
    vqa_files: VqaFiles, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    out = tmp_path / "out"
    command = words(vqa_files, out)
    with folder_lock(out):
        told = run_cli(*command)
    assert told.returncode == 2
    who = rf"out: another run is writing here: process {os.getpid()} on .*, since 20.* UTC; "
    assert re.search(who + "expected one at a time. Wait until", told.stderr)
    assert not list(tmp_path.glob("out/*"))
    # A run that is killed leaves the file, but not the lock.
    holding = (
        "import os, sys; from pathlib import Path; from vqadata.groundwork.folder_lock import *\n"
    )
    holding += "with folder_lock(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", holding, str(out)])
    assert (out / LOCK).exists()
    assert run_cli(*command).returncode == 0
    assert not (out / LOCK).exists()


def test_a_run_killed_at_any_time_never_looks_complete(tmp_path: Path) -> None:
    command = words(VqaFiles(tmp_path / "raw", questions=400, pictures=100), tmp_path / "out")
    for tenths in (2, 4, 6):
        process = subprocess.Popen([sys.executable, "-m", "vqadata", *command, "--overwrite"])
        time.sleep(tenths / 10)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        if (tmp_path / "out" / "manifest.json").exists():
            assert verify(tmp_path / "out").problems == []
            assert len(list(open_shards(tmp_path / "out").records())) == 400


def test_killed_at_points_everywhere(tmp_path: Path) -> None:
    """``python -m tests.killing`` does so at 200 points."""
    from tests.killing import BROKEN, outcomes

    found = list(outcomes(tmp_path, 10, seed=1))
    assert [left for left in found if left.startswith(BROKEN)] == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; only an administrator may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], check=False)
    if made.returncode:
        pytest.skip("needs the right to mount")
    yield place
    subprocess.run(["umount", place], check=True)


def large(files: VqaFiles) -> VqaFiles:
    for i in range(3):
        with files.picture(i).open("ab") as file:
            file.write(os.urandom(500_000))
    return files


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_is_one_line_and_leaves_nothing(
    overwrite: bool, tiny_disk: Path, vqa_files: VqaFiles, run_cli: Callable[..., Any]
) -> None:
    out = tiny_disk / "out"
    if overwrite:
        assert run_cli(*words(vqa_files, out)).returncode == 0
    before = tree(out) if overwrite else None
    done = run_cli(*words(large(vqa_files), out), *["--overwrite"] * overwrite)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"{out}: cannot be written: no space left on device" in line
    assert "run the same command again" in line
    assert (tree(out) if out.exists() else None) == before


def failing(number: int, file: str | None = None) -> Callable[..., Any]:
    def fail(*args: object, **given: object) -> None:
        raise OSError(number, os.strerror(number), file)

    return fail


@pytest.mark.parametrize(
    ("number", "place"),
    [
        (errno.EDQUOT, "vqadata.groundwork.digests.HashingFile.write"),
        (errno.ENOSPC, "vqadata.shards.folder.sync_tree"),
        (errno.ENOSPC, "pyarrow.parquet.ParquetWriter.write_table"),
        (errno.EROFS, "vqadata.groundwork.output_folder.Path.mkdir"),
        (errno.EFBIG, "vqadata.groundwork.digests.HashingFile.sync"),
    ],
)
def test_what_cannot_be_written_is_told(
    number: int, place: str, vqa_files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vqa_files.questions[1]["question"] = 5  # something for the ledger
    source = CocoVqa(**vqa_files.write())
    monkeypatch.setattr(place, failing(number))
    with pytest.raises(VqaDataError, match=f"cannot be written: {os.strerror(number).lower()}"):
        convert(source, tmp_path / "out")
    monkeypatch.undo()
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_at_the_last_moment_costs_no_old_data(
    vqa_files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "out")
    before = tree(tmp_path / "out")
    vqa_files.questions[1]["question"] = "Another one?"
    for place in ("vqadata.shards.folder.sync_tree", "vqadata.shards.folder.manifest_text"):
        with monkeypatch.context() as patch:
            patch.setattr(place, failing(errno.ENOSPC))
            with pytest.raises(VqaDataError, match="no space left"):
                convert(CocoVqa(**vqa_files.write()), tmp_path / "out", AGAIN)
        assert tree(tmp_path / "out") == before


def test_an_input_that_may_not_be_read_is_no_matter_of_the_output(
    vqa_files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = CocoVqa(**vqa_files.write())
    reading = failing(errno.EACCES, str(vqa_files.picture(0)))
    monkeypatch.setattr("vqadata.groundwork.digests.HashingFile.write", reading)
    with pytest.raises(PermissionError):
        convert(source, tmp_path / "out")


@pytest.mark.parametrize("write", [write_durably, lambda path, text: write_sealed(path, b"1")])
def test_who_is_interrupted_leaves_no_half_file(
    write: Callable[[Path, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "report.html", "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", [lambda p: p.write_text(p.read_text() + "\n"), Path.unlink])
def test_input_that_changes_meanwhile_makes_no_data_set(
    change: Callable[[Path], object], vqa_files: VqaFiles, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The manifest would name a digest, and hold rows that are not those of the file."""
    source, batches = CocoVqa(**vqa_files.write()), CocoVqa.batches

    def changing(self: CocoVqa, work: Any) -> Iterator[Any]:
        yield from batches(self, work)
        change(self.annotations[0])

    monkeypatch.setattr(CocoVqa, "batches", changing)
    with pytest.raises(VqaDataError, match=r"annotations\.json: changed while it was read"):
        convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()
