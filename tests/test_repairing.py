"""Damaged files come back byte for byte, or the reason is said and nothing is changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import VqaFiles
from vqadata import (
    OutputOptions,
    VqaDataError,
    clean,
    convert,
    merge,
    regroup,
    repack,
    repair,
    split,
    verify,
)
from vqadata.cleaning.examination import ExaminationOptions
from vqadata.sources.coco_vqa import CocoVqa

SMALL = OutputOptions(shard_mb=1)


@pytest.fixture
def raw(vqa_files: VqaFiles, monkeypatch: pytest.MonkeyPatch) -> VqaFiles:
    """Pictures of more than one shard, and rows in quarantine."""
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 1)
    vqa_files.padded(700_000)
    vqa_files.questions[4]["question"] = 5
    return vqa_files


@pytest.fixture
def made(raw: VqaFiles, tmp_path: Path) -> Path:
    source = CocoVqa(**raw.write(), image_root=[raw.folder / "images"], licence="CC BY 4.0")
    convert(source, tmp_path / "made", SMALL)
    return tmp_path / "made"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def spoil(folder: Path) -> list[str]:
    """Damage a shard, remove the ledger; their names."""
    shard = sorted(folder.glob("*.arrow"))[0]
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    (folder / "ledger.parquet").unlink()
    return [shard.name, "ledger.parquet"]


@pytest.mark.parametrize("place", ["raw", "moved"])
def test_converted_shards_are_rebuilt_from_their_files(
    place: str, raw: VqaFiles, made: Path, tmp_path: Path
) -> None:
    before, names = tree(made), spoil(made)
    assert verify(made).problems != []
    folder = raw.folder if place == "raw" else raw.folder.rename(tmp_path / "elsewhere")
    assert repair(made, [folder]).rebuilt == names
    assert tree(made) == before
    assert repair(made) == ([], [])


def again(step: str, made: Path, out: Path) -> list[Path]:
    """Take another step to ``out``; the folders that it read."""
    match step:
        case "clean":
            clean(made, out, options=SMALL, examination=ExaminationOptions(no_cache=True))
        case "split":
            split(made, out, {"a": 0.5, "b": 0.5}, SMALL)
        case "regroup":
            cleaned = out.with_name("cleaned")
            clean(made, cleaned, examination=ExaminationOptions(no_cache=True))
            regroup(cleaned, out, options=SMALL)
            return [cleaned]
        case "repack":
            repack(made, out, OutputOptions(shard_mb=3))
        case "merge":
            shutil.copytree(made, out.with_name("first"))
            repack(made, out.with_name("second"), OutputOptions(shard_mb=5))
            merge([out.with_name("first"), out.with_name("second")], out, SMALL)
            return [out.with_name("second"), out.with_name("first")]
    return [made]


@pytest.mark.parametrize("step", ["clean", "split", "regroup", "repack", "merge"])
def test_the_last_step_is_done_again(step: str, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    places = again(step, made, out)
    before, names = tree(out), spoil(out)
    outcome = repair(out, [tmp_path / "raw", *places])
    assert names[0] in outcome.rebuilt
    assert {*outcome.copied, *outcome.rebuilt} == set(names)  # some steps hand the ledger on
    assert tree(out) == before
    assert verify(out).problems == []


def test_a_copy_is_the_first_choice(made: Path, tmp_path: Path) -> None:
    before = tree(made)
    shutil.copytree(made, tmp_path / "copy")
    names = spoil(made)
    assert repair(made, [tmp_path / "copy"]).copied == names
    assert tree(made) == before


def test_a_damaged_copy_helps_as_far_as_it_goes(raw: VqaFiles, made: Path, tmp_path: Path) -> None:
    before = tree(made)
    shutil.copytree(made, tmp_path / "copy")
    spoil(tmp_path / "copy")
    (tmp_path / "copy" / "ledger.parquet").write_bytes(before["ledger.parquet"])
    names = spoil(made)
    outcome = repair(made, [tmp_path / "copy", raw.folder])
    assert (outcome.copied, outcome.rebuilt) == ([names[1]], [names[0]])
    assert tree(made) == before


def changed(raw: VqaFiles) -> None:
    path = raw.folder / "questions.json"
    path.write_text(path.read_text() + " ")


REFUSED: dict[str, tuple[Callable[[VqaFiles], object], str]] = {
    "no source": (lambda raw: shutil.rmtree(raw.folder), "nothing to rebuild it from is there"),
    "another file": (changed, "expected questions.json, as it was when it was converted"),
    "another picture": (
        lambda raw: raw.picture(0).write_bytes(b"x" * 700_000),
        "convert coco-vqa was done again and gave another file",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_rebuilt_is_refused(what: str, raw: VqaFiles, made: Path) -> None:
    change, said = REFUSED[what]
    change(raw)
    spoil(made)
    before = tree(made)
    with pytest.raises(VqaDataError, match=said):
        repair(made, [raw.folder])
    assert tree(made) == before
    assert not (made / ".repair").exists()


def test_other_versions_are_named(
    raw: VqaFiles, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(made)
    raw.picture(0).write_bytes(b"x" * 700_000)
    monkeypatch.setattr("vqadata.rearranging.repairing.versions", lambda: {"pyarrow": "1"})
    with pytest.raises(VqaDataError, match=r"another file \(.*pyarrow 1 for "):
        repair(made, [raw.folder])


def test_the_command_says_what_was_done(raw: VqaFiles, made: Path) -> None:
    from click.testing import CliRunner

    from vqadata.cli import program

    spoil(made)
    with pytest.raises(VqaDataError, match="Name its folder with --from"):
        CliRunner().invoke(program, ["repair", str(made)], catch_exceptions=False)
    words = ["repair", str(made), "--from", str(raw.folder)]
    told = CliRunner().invoke(program, words, catch_exceptions=False).stdout
    assert "val2014-00000.arrow: rebuilt" in told
    assert "2 files repaired, each byte for byte" in told
