"""Broken input: the exact place and reason, no good row lost, nothing that looks complete."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VqaFiles, encoded
from vqadata import VqaDataError, clean, convert, open_shards, verify
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.sources.coco_vqa import CocoVqa


def converted(files: VqaFiles, out: Path, **options: Any) -> list[LedgerEntry]:
    convert(CocoVqa(**files.write(), **options), out)
    assert verify(out).problems == []
    return list(select_entries(out))


def ids(out: Path) -> list[str]:
    return sorted(open_shards(out).questions(["question_id"])["question_id"].to_pylist())


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises width x height pixels and holds none."""
    body = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + body
    return (
        b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    )


WRONG = {
    "answers[3].answer": (lambda a: a["answers"][3].update(answer=5), "integer", "string"),
    "answers[0].answer": (lambda a: a["answers"][0].update(answer=None), "null", "string"),
    "answers": (lambda a: a.update(answers={"answer": "x"}), "object", "list"),
    "question_id": (lambda a: a.update(question_id=1.5), "number", "integer or string"),
}


@pytest.mark.parametrize("place", WRONG)
def test_wrong_type_in_an_annotation_is_named(
    place: str, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    change, found, expected = WRONG[place]
    change(vqa_files.annotations[2])
    entries = converted(vqa_files, tmp_path / "out")
    named = next(entry for entry in entries if entry.action == "quarantined")
    assert named.path == f"annotations[2].{place}"
    assert found in (named.found or "")
    assert expected in (named.expected or "")
    assert ids(tmp_path / "out") == ["0", "1", "3", "4", "5"]


def test_missing_key_is_named(vqa_files: VqaFiles, tmp_path: Path) -> None:
    del vqa_files.questions[4]["image_id"]
    (entry,) = converted(vqa_files, tmp_path / "out", unanswered="keep")[:1]
    assert (entry.reason, entry.path) == ("missing-field", "questions[4]")
    assert entry.expected == "the field 'image_id'"
    assert entry.question_id == "4"
    assert len(ids(tmp_path / "out")) == 5


def test_duplicate_id_names_the_first(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[5]["question_id"] = 1
    entries = converted(vqa_files, tmp_path / "out")
    assert entries[0].path == "questions[5].question_id"
    assert entries[0].found == "1, as questions[1]"
    assert ids(tmp_path / "out") == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "images/../../x.jpg"])
def test_path_out_of_the_root_is_quarantined(
    name: str, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[0]["image_id"] = vqa_files.annotations[0]["image_id"] = name
    (entry,) = converted(vqa_files, tmp_path / "out", image_name="{image_id}")[:1]
    assert entry.reason in ("path-outside-root", "missing-picture")
    assert name in (entry.found or "")
    assert "0" not in ids(tmp_path / "out")


def test_symbolic_link_out_of_the_root_is_quarantined(vqa_files: VqaFiles, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(encoded())
    vqa_files.picture(0).unlink()
    vqa_files.picture(0).symlink_to(secret)
    entries = converted(vqa_files, tmp_path / "out")
    assert {entry.reason for entry in entries} == {"path-outside-root"}
    assert ids(tmp_path / "out") == ["1", "2", "4", "5"]


def test_record_that_is_no_json_costs_only_itself(vqa_files: VqaFiles, tmp_path: Path) -> None:
    paths = vqa_files.write()
    text = paths["questions"].read_text()
    paths["questions"].write_text(text.replace('"Question number 3?"', "NaN"))
    convert(CocoVqa(**paths), tmp_path / "out")
    entry = next(iter(select_entries(tmp_path / "out")))
    assert (entry.reason, entry.path) == ("malformed-json", "questions[3]")
    assert len(ids(tmp_path / "out")) == 5


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
def test_truncated_file_is_an_error_with_its_offset(
    share: float, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    paths = vqa_files.write()
    data = paths["annotations"].read_bytes()
    paths["annotations"].write_bytes(data[: int(len(data) * share)])
    with pytest.raises(VqaDataError, match=r"annotations.json: byte \d+: the file ends"):
        convert(CocoVqa(**paths), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_truncated_file_gives_its_whole_records_on_request(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    paths = vqa_files.write()
    data = paths["questions"].read_bytes()
    paths["questions"].write_bytes(data[:-30])
    manifest = convert(CocoVqa(**paths, keep_whole_records=True), tmp_path / "out")
    assert manifest.questions == 5
    assert verify(tmp_path / "out").problems == []


BROKEN_PICTURES = {
    "zero-bytes": b"",
    "not-a-picture": b"\0" * 5000,
    "too-many-pixels": png_header(60_000, 60_000),
    "truncated": encoded(size=(200, 200), kind="JPEG")[:-300],
}


@pytest.mark.parametrize("reason", BROKEN_PICTURES)
def test_broken_picture_drops_its_own_questions_only(
    reason: str, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.picture(1).write_bytes(BROKEN_PICTURES[reason])
    converted(vqa_files, tmp_path / "out")
    clean(tmp_path / "out", tmp_path / "clean")
    dropped = list(select_entries(tmp_path / "clean", "dropped"))
    assert [(e.question_id, e.reason) for e in dropped] == [("1", reason), ("4", reason)]
    assert dropped[0].path == "images/COCO_val2014_000000000001.jpg"
    assert ids(tmp_path / "clean") == ["0", "2", "3", "5"]
    assert verify(tmp_path / "clean").problems == []


def test_html_page_called_jpg_is_not_a_picture(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.picture(1).write_text("<!DOCTYPE html><title>404</title>")
    entries = converted(vqa_files, tmp_path / "out")
    assert {(e.action, e.reason) for e in entries} == {("flagged", "unreadable-picture")}
    assert "DOCTYPE" in (entries[0].found or "")


def test_missing_picture_is_counted(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.picture(2).unlink()
    entries = converted(vqa_files, tmp_path / "out")
    assert [(e.question_id, e.reason) for e in entries] == [
        ("2", "missing-picture"),
        ("5", "missing-picture"),
    ]


def test_image_of_another_question_is_noticed(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.annotations[0]["image_id"] = 2
    (entry,) = converted(vqa_files, tmp_path / "out")
    assert (entry.reason, entry.path) == ("image-id-mismatch", "annotations[0].image_id")


def test_swapped_files_are_named(
    vqa_files: VqaFiles, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    paths = vqa_files.write()
    done = run_cli(
        "convert", "coco-vqa", "--questions", paths["annotations"], "-o", tmp_path / "out"
    )
    assert done.returncode == 2
    assert "expected a list, or a key questions" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_accepted_break_leaves_a_remark(vqa_files: VqaFiles, tmp_path: Path) -> None:
    paths = vqa_files.write()
    text = paths["questions"].read_text()
    paths["questions"].write_text(text[: text.index('"Question number 3?"') + 5])
    convert(CocoVqa(**paths, keep_whole_records=True), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    first = next(iter(select_entries(tmp_path / "out")))
    assert (first.action, first.reason, first.index) == ("flagged", "truncated-file", 3)
    assert first.found == "the file ends inside this record"
    assert open_shards(tmp_path / "out").manifest.flags == {"truncated-file": 1}


def test_a_broken_picture_gives_the_same_bytes_each_time(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.picture(0).write_bytes(b"\0" * 99)
    vqa_files.picture(1).write_bytes(vqa_files.picture(1).read_bytes()[:40])
    source = CocoVqa(**vqa_files.write())
    for name in ("one", "two"):
        convert(source, tmp_path / name)
        clean(tmp_path / name, tmp_path / f"{name}-clean")
    for kind in ("", "-clean"):
        files = [sorted((tmp_path / f"{name}{kind}").iterdir()) for name in ("one", "two")]
        assert [p.read_bytes() for p in files[0]] == [p.read_bytes() for p in files[1]]


@pytest.mark.parametrize("name", ["x" * 400, "a/" * 3000 + "b"])
def test_a_name_that_no_file_system_takes_is_a_missing_picture(
    name: str, vqa_files: VqaFiles, tmp_path: Path
) -> None:
    vqa_files.questions[1]["image_id"] = vqa_files.annotations[1]["image_id"] = name
    entries = converted(vqa_files, tmp_path / "out")
    assert [(e.reason, e.question_id) for e in entries] == [("missing-picture", "1")]


def test_deep_nesting_costs_only_itself(vqa_files: VqaFiles, tmp_path: Path) -> None:
    paths = vqa_files.write()
    deep = "[" * 5000 + "]" * 5000
    text = paths["questions"].read_text().replace('"Question number 2?"', deep)
    paths["questions"].write_text(text)
    convert(CocoVqa(**paths), tmp_path / "out")
    assert ids(tmp_path / "out") == ["0", "1", "3", "4", "5"]


def test_a_picture_folder_that_is_not_there_is_an_error(
    vqa_files: VqaFiles, tmp_path: Path
) -> None:
    with pytest.raises(VqaDataError, match=r"--image-root: .*nowhere: no such folder"):
        converted(vqa_files, tmp_path / "out", image_root=[tmp_path / "nowhere"])


def test_a_damaged_ledger_is_one_error(vqa_files: VqaFiles, tmp_path: Path) -> None:
    converted(vqa_files, tmp_path / "out")
    (tmp_path / "out" / "ledger.parquet").write_bytes(b"trash")
    with pytest.raises(VqaDataError, match=r"ledger.parquet: damaged"):
        list(select_entries(tmp_path / "out"))
