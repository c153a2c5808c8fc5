"""Data sets put together, and shards of another size: no row and no account is lost."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VqaFiles, encoded
from vqadata import OutputOptions, clean, convert, merge, open_shards, repack, verify
from vqadata.errors import OptionError
from vqadata.ledger import select_entries
from vqadata.shards.contents import info, rows
from vqadata.sources.coco_vqa import CocoVqa


def converted(folder: Path, colours: list[str], first: int, name: str = "val2014") -> Path:
    """Six questions on three pictures, of which one question is in quarantine."""
    files = VqaFiles(folder / "raw")
    for i, colour in enumerate(colours):
        files.picture(i).write_bytes(encoded(colour))
    for number in range(6):
        identity = first + number
        files.questions[number]["question_id"] = files.annotations[number]["question_id"] = identity
    files.questions[4]["question"] = 5
    convert(CocoVqa(**files.write(), split=name), folder / "out")
    return folder / "out"


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two data sets with files of the same names, and one picture in common."""
    a = converted(tmp_path / "a", ["navy", "teal", "maroon"], 0)
    return a, converted(tmp_path / "b", ["teal", "olive", "purple"], 100)


def questions(folder: Path) -> list[tuple[str, str, str]]:
    """Id, input file, and digest of the picture of each question."""
    found = []
    for batch in open_shards(folder).batches(["image_facts", "questions"]):
        for row in batch.to_pylist():
            digest = row["image_facts"][0]["digest"]
            found += [(q["question_id"], q["origin"]["file"], digest) for q in row["questions"]]
    return found


def test_all_rows_and_accounts_come_together(pair: tuple[Path, Path], tmp_path: Path) -> None:
    a, b = pair
    manifest = merge([a, b], tmp_path / "both")
    assert verify(tmp_path / "both").problems == []
    assert [entry.file for entry in manifest.balance] == [
        "questions.json", "annotations.json", "2/questions.json", "2/annotations.json",
    ]  # fmt: skip
    assert [entry.file for entry in manifest.inputs] == [entry.file for entry in manifest.balance]
    before = [open_shards(folder).manifest for folder in pair]
    assert manifest.questions == sum(each.questions for each in before) == 10
    assert manifest.quarantined == sum(each.quarantined for each in before)
    named = [(q, f"2/{file}", digest) for q, file, digest in questions(b)]
    assert Counter(questions(tmp_path / "both")) == Counter([*questions(a), *named])
    assert {e.file for e in select_entries(tmp_path / "both", "quarantined")} == {
        "questions.json", "2/questions.json",
    }  # fmt: skip
    assert manifest.steps[-1].options["parents"] == [open_shards(each).digest for each in pair]


def test_a_picture_of_both_is_stored_once(pair: tuple[Path, Path], tmp_path: Path) -> None:
    manifest = merge(pair, tmp_path / "both")
    assert (manifest.pictures, len({digest for *_, digest in questions(tmp_path / "both")})) == (
        5,
        5,
    )
    assert all(
        '"source_split"' not in (r.extra or "") for r in open_shards(tmp_path / "both").records()
    )


def test_splits_stay_apart(tmp_path: Path) -> None:
    a = converted(tmp_path / "a", ["navy", "teal", "maroon"], 0, "train")
    b = converted(tmp_path / "b", ["teal", "olive", "purple"], 100, "val")
    manifest = merge([a, b], tmp_path / "both")
    assert (manifest.pictures, manifest.splits) == (6, {"train": 5, "val": 5})
    assert {record.split for record in open_shards(tmp_path / "both").records()} == {"train", "val"}


def test_what_is_merged_can_be_merged_and_cleaned(pair: tuple[Path, Path], tmp_path: Path) -> None:
    merge(pair, tmp_path / "both")
    third = converted(tmp_path / "c", ["gray"] * 3, 200)
    manifest = merge([tmp_path / "both", third], tmp_path / "all")
    assert [e.file for e in manifest.balance][-2:] == ["2/2/questions.json", "2/2/annotations.json"]
    clean(tmp_path / "all", tmp_path / "clean", [])
    assert verify(tmp_path / "clean").problems == []


def test_equal_ids_are_told(
    tmp_path: Path, pair: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    other = converted(tmp_path / "c", ["gray", "navy", "olive"], 0)
    with caplog.at_level(logging.WARNING):
        merge([pair[0], other], tmp_path / "both")
    assert "5 rows have the question id of another row" in caplog.text


def test_what_cannot_be_merged_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for folders, said in (([pair[0]], "two or more"), ([pair[0]] * 2, "same data set twice")):
        with pytest.raises(OptionError, match=said):
            merge(folders, tmp_path / "both")
    with pytest.raises(OptionError, match="is an input"):
        merge(pair, pair[1], OutputOptions(overwrite=True))


@pytest.fixture
def large(vqa_files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    vqa_files.padded(700_000)
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 1)
    convert(CocoVqa(**vqa_files.write()), tmp_path / "large", OutputOptions(shard_mb=1))
    return tmp_path / "large"


def test_repacked_shards_have_the_same_rows(large: Path, tmp_path: Path) -> None:
    told: list[int] = []
    manifest = repack(large, tmp_path / "one", OutputOptions(shard_mb=100), told.append)
    assert [len(open_shards(f).manifest.shards) for f in (large, tmp_path / "one")] == [2, 1]
    assert len(manifest.shards[0].batches) == 1
    assert sum(told) == 3
    before, after = (
        [row for batch in open_shards(f).batches() for row in batch.to_pylist()]
        for f in (large, tmp_path / "one")
    )
    assert before == after
    assert verify(tmp_path / "one").problems == []
    assert manifest.steps[-1].parent == open_shards(large).digest


def test_a_url_is_merged_like_a_folder(pair: tuple[Path, Path], tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    for path in pair[1].iterdir():
        store.pipe_file(f"/merged/{path.name}", path.read_bytes())
    merge(pair, tmp_path / "local")
    merge([pair[0], "memory://merged"], tmp_path / "remote")
    files = [
        {p.name: p.read_bytes() for p in (tmp_path / f).iterdir()} for f in ("local", "remote")
    ]
    assert files[0] == files[1]


def test_rows_and_figures(large: Path) -> None:
    found = info(large)
    assert (found.questions, found.pictures, len(found.shards)) == (6, 3, 2)
    assert found.picture_bytes > 0.98 * found.bytes
    first, *_ = rows(open_shards(large), ["question_id", "pictures"], 2)
    assert first["question_id"] == "0"
    assert (first["pictures"][0]["width"], first["pictures"][0]["bytes"] > 700_000) == (16, True)
    assert list(first) == ["question_id", "pictures"]
    assert len(list(rows(open_shards(large)))) == 6


def test_the_commands_say_what_the_library_does(
    large: Path, pair: tuple[Path, Path], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from vqadata.cli import program

    def run(*words: object) -> str:
        done = CliRunner().invoke(program, ["shards", *map(str, words)])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert "val2014-00001.arrow" in run("info", large)
    assert json.loads(run("info", large, "--json"))["questions"] == 6
    lines = run("cat", large, "--field", "question_id").splitlines()
    assert [json.loads(line)["question_id"] for line in lines] == list("031425")
    assert len(run("head", large, "-n", "2").splitlines()) == 2
    assert "the account adds up" in run("merge", *pair, "-o", tmp_path / "both")
    assert "in 1 shard" in run("repack", large, "-o", tmp_path / "r", "--shard-mb", 9)
    assert "verified" in run("verify", tmp_path / "both")
    assert "questions  6" in run("info", f"file://{tmp_path / 'r'}")
    names = {"info", "verify", "cat", "head", "merge", "repack", "split"}
    assert names <= set(program.commands["shards"].commands)  # type: ignore[attr-defined]


def test_a_wrong_field_is_one_line(large: Path, run_cli: Callable[..., Any]) -> None:
    wrong = run_cli("shards", "cat", large, "--field", "colour")
    assert (wrong.returncode, "found 'colour'" in wrong.stderr) == (2, True)


def test_progress_is_shown_on_a_terminal(
    large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    from vqadata.commands.shards import _progress

    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with _progress([large]) as progress:
        repack(large, tmp_path / "one", progress=progress)
    assert "picture rows" in capsys.readouterr().err
