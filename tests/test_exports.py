"""The contract of exports: each one that is found keeps it, on shards that hold everything."""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from tests.exported import EVERYTHING, NAMES, make_shards, record, run_example, tree
from vqadata import VqaDataError, exports, open_shards
from vqadata.discover import find
from vqadata.exporting.receipt import Receipt, read_remarks
from vqadata.groundwork.digests import bytes_digest, file_digest
from vqadata.steps import Export


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_shards(tmp_path_factory.mktemp("everything"), EVERYTHING)


@pytest.fixture(scope="module", params=NAMES)
def exported(
    request: pytest.FixtureRequest, shards: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Receipt]:
    """The name of an export, its folder and its receipt."""
    out = tmp_path_factory.mktemp("exported") / "out"
    return request.param, out, run_example(request.param, shards, out)


Exported = tuple[str, Path, Receipt]


def test_the_account_adds_up(exported: Exported, shards: Path) -> None:
    _, out, receipt = exported
    assert receipt.adds_up
    assert receipt.shards == open_shards(shards).digest
    left = Counter(remark.reason for remark in read_remarks(out) if remark.action == "left-out")
    assert receipt.left_out == left
    assert receipt.exported > len(EVERYTHING) / 3


def test_no_question_has_two_fates(exported: Exported) -> None:
    gone = [r.question_id for r in read_remarks(exported[1]) if r.action == "left-out"]
    assert len(gone) == len(set(gone))
    assert set(gone) < {record.question_id for record in EVERYTHING}


def test_the_receipt_names_every_file(exported: Exported) -> None:
    _, out, receipt = exported
    files = {name: out / name for name in tree(out) if not name.startswith("images/")}
    del files["export.json"]
    assert {entry.file for entry in receipt.files} == set(files)
    assert all(entry.sha256 == file_digest(files[entry.file]) for entry in receipt.files)
    assert receipt.pictures == sum(name.startswith("images/") for name in tree(out))


def test_pictures_are_the_bytes_of_the_shards(exported: Exported, shards: Path) -> None:
    pictures = {n: data for n, data in tree(exported[1]).items() if n.startswith("images/")}
    stored = {
        bytes_digest(image["bytes"])
        for batch in open_shards(shards).batches()
        for image in batch.column("images").flatten().to_pylist()
        if image["bytes"] is not None
    }
    for name, data in pictures.items():
        assert re.fullmatch(r"images/../[0-9a-f]{32}\.(png|jpg)", name)
        assert bytes_digest(data) in stored
        Image.open(io.BytesIO(data)).load()


def test_same_shards_give_the_same_bytes(exported: Exported, shards: Path, tmp_path: Path) -> None:
    name, out, _ = exported
    run_example(name, shards, tmp_path / "again")
    assert tree(tmp_path / "again") == tree(out)


def test_one_export_replaces_another_and_nothing_else(
    exported: Exported, shards: Path, tmp_path: Path
) -> None:
    name, out, _ = exported
    other = NAMES[NAMES.index(name) - 1]
    run_example(other, shards, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(VqaDataError, match=r"a finished export; .* --overwrite"):
        run_example(name, shards, tmp_path / "out")
    run_example(name, shards, tmp_path / "out", "--overwrite")
    assert tree(tmp_path / "out") == tree(out) | {"notes.txt": b"mine"}


def test_an_unfinished_export_is_taken_away(exported: Exported, shards: Path) -> None:
    """A run that was killed while it moved its files out is recognised, and replaced."""
    name, out, _ = exported
    whole = tree(out)
    (out / ".unfinished").mkdir()
    (out / "export.json").rename(out / ".unfinished" / "export.json")
    run_example(name, shards, out)
    assert tree(out) == whole


def test_shards_without_questions_are_exported(exported: Exported, tmp_path: Path) -> None:
    none = make_shards(tmp_path, [])
    receipt = run_example(exported[0], none, tmp_path / "out")
    assert (receipt.questions, receipt.exported) == (0, 0)


def test_shards_are_not_exported_into_themselves(exported: Exported, shards: Path) -> None:
    with pytest.raises(VqaDataError, match="is the input"):
        run_example(exported[0], shards, shards, "--overwrite")


def test_a_failed_export_leaves_nothing(exported: Exported, tmp_path: Path) -> None:
    damaged = make_shards(tmp_path, [record(0)])
    (file,) = damaged.glob("*.arrow")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(VqaDataError, match="damaged"):
        run_example(exported[0], damaged, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_explains_itself(exported: Exported) -> None:
    kind = find(exports, Export, exported[0])
    assert kind.__doc__
    assert kind.example.startswith(f"vqadata export {exported[0]} shards -o ")
    undescribed = [key for key, field in kind.model_fields.items() if not field.description]
    assert undescribed == []
