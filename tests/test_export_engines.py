"""Exports are made piece by piece: whoever works, wherever pieces end, whatever was killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.exported import NAMES, encoded_noise, lines, make_shards, record, run_example, tree
from vqadata import export, exports, open_shards, steps
from vqadata.discover import find
from vqadata.engine.hiring import EngineOptions
from vqadata.exporting.outbox import Outbox
from vqadata.exporting.pieces import ExportPieces, pieces
from vqadata.exporting.rows import StoredPicture
from vqadata.exports.ms_swift import MsSwift
from vqadata.exports.webdataset import Webdataset
from vqadata.steps import Export

PICTURES = 300
"""Of 30 KB: two record batches of a split."""

ENGINES = [["--workers", "2"], ["--workers", "3", "--worker-kind", "threads"]]


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    noise = {f"{n}.png": encoded_noise(n) for n in range(PICTURES)}
    records = [
        record(2 * number + twice, image_path=f"{number}.png", rejected=["worse"] * twice,
               split="val 1" if number % 5 == 0 else "train")
        for number in range(PICTURES) for twice in (0, 1)
    ]  # fmt: skip
    broken = [record(9000, image_path="broken.jpg"), record(9001, text="A <bbox>?")]
    return make_shards(tmp_path_factory.mktemp("many"), [*records, *broken], noise)


def small_files(name: str) -> list[str]:
    """Options with which each batch is a piece."""
    has_files = "shard_mb" in find(exports, Export, name).model_fields
    return ["--shard-mb", "7"] if has_files else []


@pytest.fixture
def many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PIECE_BYTES", 1)


@pytest.mark.usefixtures("many_pieces")
@pytest.mark.parametrize("name", NAMES)
def test_the_outcome_knows_nothing_of_the_workers(name: str, shards: Path, tmp_path: Path) -> None:
    alone = run_example(name, shards, tmp_path / "alone", *small_files(name), "--workers", "0")
    assert alone.adds_up
    for words in ENGINES:
        run_example(name, shards, tmp_path / "out", *small_files(name), *words, "--overwrite")
        assert tree(tmp_path / "out") == tree(tmp_path / "alone")


@pytest.mark.slow
@pytest.mark.usefixtures("many_pieces")
def test_a_cluster_makes_the_same(shards: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    run_example("openai", shards, tmp_path / "alone")
    run_example("openai", shards, tmp_path / "out", "--engine", "ray", "--workers", "2")
    assert tree(tmp_path / "out") == tree(tmp_path / "alone")


@pytest.mark.parametrize("name", ["ms-swift", "llama-factory", "openai", "vqa-v2"])
def test_what_is_no_file_of_its_own_does_not_show_where_pieces_end(
    name: str, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_example(name, shards, tmp_path / "one")
    monkeypatch.setattr(steps, "PIECE_BYTES", 1)
    run_example(name, shards, tmp_path / "many")
    assert tree(tmp_path / "one") == tree(tmp_path / "many")


def test_a_piece_holds_whole_batches_of_one_split(shards: Path) -> None:
    opened = open_shards(shards)
    for step in (MsSwift(), Webdataset(shard_mb=7), Webdataset(shard_mb=7, samples="picture")):
        cut = list(pieces(opened, step))
        assert [n for p in cut for n in range(p.first, p.stop)] == [*range(len(opened.places))]
        for piece in cut:
            places = opened.places[piece.first : piece.stop]
            (split,) = {opened.manifest.shards[place.shard].split for place in places}
            assert split in ("train", "val 1")
            sizes = [step.size_of(opened.manifest.shards[p.shard].batches[p.number])
                     for p in places]  # fmt: skip
            assert sum(sizes) <= step.piece_bytes or len(places) == 1


def test_files_are_numbered_over_all_pieces(shards: Path, tmp_path: Path) -> None:
    receipt = run_example("huggingface", shards, tmp_path / "out", "--shard-mb", "7")
    names = [e.file for e in receipt.files if e.file.startswith("data/train")]
    assert len(names) > 1
    assert names == [f"data/train-{n:05d}-of-{len(names):05d}.parquet" for n in range(len(names))]


@pytest.mark.usefixtures("many_pieces")
def test_a_run_that_was_stopped_goes_on_on_another_engine(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(MsSwift(), shards, tmp_path / "calm")
    whole, made = ExportPieces._write, []

    def counted(self: ExportPieces, opened: Any, piece: Any) -> Any:
        made.append(piece.number)
        if made == [0, 1, 2]:
            raise KeyboardInterrupt
        return whole(self, opened, piece)

    monkeypatch.setattr(ExportPieces, "_write", counted)
    with pytest.raises(KeyboardInterrupt):
        export(MsSwift(), shards, tmp_path / "out")
    assert len(list((tmp_path / "out" / ".unfinished" / "pieces").glob("[0-9]*"))) == 2
    threads = EngineOptions(workers=2, worker_kind="threads")
    export(MsSwift(), shards, tmp_path / "out", engine=threads)
    assert len(made) == len(set(made)) + 1  # the one that was in hand
    assert tree(tmp_path / "out") == tree(tmp_path / "calm")
    assert not (tmp_path / "out" / ".unfinished").exists()


@pytest.mark.usefixtures("many_pieces")
def test_pieces_of_other_options_are_not_taken(
    shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("vqadata.exporting.exporting.Collection.settle", stop)
        with pytest.raises(KeyboardInterrupt):
            export(MsSwift(), shards, tmp_path / "out")
    export(MsSwift(special_tokens="keep"), shards, tmp_path / "out")
    rows = lines(tmp_path / "out" / "train.jsonl")
    assert any("<image>A <bbox>?" in row["messages"][0]["content"] for row in rows)


def test_a_picture_that_was_cut_off_is_written_again(shards: Path, tmp_path: Path) -> None:
    run_example("ms-swift", shards, tmp_path / "calm")
    name = next(name for name in tree(tmp_path / "calm") if name.startswith("images/"))
    outbox = Outbox(tmp_path, [""], 0, tmp_path)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_bytes(b"cut")
    data = (tmp_path / "calm" / name).read_bytes()
    stem, _, kind = name.rpartition("/")[2].rpartition(".")
    assert outbox.add_picture(StoredPicture("a", pa.py_buffer(data), stem, kind.upper())) == name
    assert (tmp_path / name).read_bytes() == data
