"""Conversions of what lies in S3, read by a real client over loopback, whatever the server does."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VqaFiles, encoded
from tests.s3_server import S3Server
from tests.test_sending import tree
from vqadata import OutputOptions, convert, open_shards
from vqadata.engine.hiring import EngineOptions
from vqadata.errors import VqaDataError
from vqadata.ledger import select_entries
from vqadata.shards.manifest import Manifest
from vqadata.shards.read_options import ReadOptions
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.sources.messages import Messages
from vqadata.stores.reading import _reached

SMALL = OutputOptions(shard_mb=1)


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """A bucket; it is asked often and with little patience, and nothing is left in the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    patient = partial(ReadOptions, retries=30, backoff_seconds=0.001)
    monkeypatch.setattr("vqadata.stores.reading.ReadOptions", patient)
    monkeypatch.setattr("vqadata.stores.file_system.MOST_WAIT", 0.01)
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 300_000)
    _reached.cache_clear()  # Each test has a server of its own.
    (tmp_path / "buckets/data").mkdir(parents=True)
    with S3Server(tmp_path / "buckets") as server:
        yield server.known_to(monkeypatch)
    assert not list((tmp_path / "cache").rglob("*.jpg"))


@pytest.fixture
def files(tmp_path: Path, server: S3Server) -> VqaFiles:
    """Some 2 MB of pictures in the bucket, of which some are equal, and of one more the name."""
    files = VqaFiles(tmp_path / "buckets/data/raw", questions=60, pictures=24).padded(100_000)
    files.picture(7).write_bytes(files.picture(8).read_bytes())
    files.questions[5]["image_id"] = files.annotations[5]["image_id"] = 99
    files.write()
    return files


def source(folder: str | Path) -> CocoVqa:
    return CocoVqa(
        questions=f"{folder}/questions.json", annotations=f"{folder}/annotations.json",
        image_root=[f"{folder}/images"],
    )  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_connection_costs_time_alone(
    workers: int, server: S3Server, files: VqaFiles, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("vqadata.stores.reading.PIECE", 1000)
    crew = EngineOptions(workers=workers, worker_kind="threads")
    convert(source(files.folder), tmp_path / "here", SMALL, crew)
    server.faults, server.latency = {"error": 0.2, "short": 0.2}, 0.002
    convert(source("s3://data/raw"), tmp_path / "there", SMALL, crew)
    assert tree(tmp_path / "there") == tree(tmp_path / "here")
    assert len(open_shards(tmp_path / "there").manifest.shards) > 1
    assert all(server.count[fault] > 20 for fault in server.faults)


def test_a_user_converts_from_one_bucket_to_another(
    server: S3Server, files: VqaFiles, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    """By worker processes; the pictures are beside the questions, which are packed."""
    packed = files.folder / "questions.json.gz"
    packed.write_bytes(gzip.compress((files.folder / "questions.json").read_bytes(), mtime=0))
    for place, out in ((files.folder, tmp_path / "here"), ("s3://data/raw", "s3://data/out/vqa")):
        questions, annotations = f"{place}/questions.json.gz", f"{place}/annotations.json"
        done = run_cli(
            "convert", "coco-vqa", "--questions", questions, "--annotations", annotations,
            "--workers", "2", "-o", out,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "buckets/data/out/vqa") == tree(tmp_path / "here")


def test_the_layout_of_a_bucket_is_told(
    server: S3Server, files: VqaFiles, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    for place, out in ((files.folder, "here"), ("s3://data/raw", "there")):
        done = run_cli("convert", "auto", place, "-o", tmp_path / out)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{place}: coco-vqa, because")
    assert tree(tmp_path / "there") == tree(tmp_path / "here")


def test_many_pictures_are_on_their_way_at_a_time(
    server: S3Server, files: VqaFiles, tmp_path: Path
) -> None:
    server.latency = 0.05
    convert(source("s3://data/raw"), tmp_path / "there", SMALL)
    assert 4 < server.busiest <= 17


@pytest.fixture
def hostile(server: S3Server, tmp_path: Path) -> Callable[[str], Manifest]:
    """Converts one record that names a picture; another bucket and the disk have such a file."""
    for place in ("buckets/data/raw/images", "buckets/data", "buckets/other", "."):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "a.jpg").write_bytes(encoded("navy", (16, 12)))
        (tmp_path / place / "b.jpg").write_bytes(encoded("teal", (16, 12)))
    (tmp_path / "buckets/data/raw/images/b.jpg").unlink()

    def converted(name: str) -> Manifest:
        said = [
            {"role": "user", "content": "<image>What?"},
            {"role": "assistant", "content": "This."},
        ]
        rows = [{"messages": said, "images": [name]}]
        (tmp_path / "buckets/data/raw/rows.json").write_text(json.dumps(rows))
        wanted = Messages(data="s3://data/raw/rows.json", image_root=["s3://data/raw/images"])
        return convert(wanted, tmp_path / "out")

    return converted


@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "../../a.jpg", "/b.png", "s3://other/b.jpg", "x/../../../a.jpg", "file:///b.png"],
)
def test_a_record_asks_for_nothing_outside_the_root(
    name: str, server: S3Server, hostile: Callable[[str], Manifest], tmp_path: Path
) -> None:
    assert hostile(name).pictures == 0
    (entry,) = select_entries(tmp_path / "out")
    assert entry.reason in ("path-outside-root", "missing-picture", "picture-not-downloaded")
    assert set(server.read) == {"data/raw/rows.json"}


def test_a_record_may_name_what_is_inside(hostile: Callable[[str], Manifest]) -> None:
    assert hostile("a.jpg").pictures == 1


def test_a_store_that_is_down_is_one_clear_error(
    server: S3Server, files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    few = partial(ReadOptions, retries=0)
    monkeypatch.setattr("vqadata.stores.reading.ReadOptions", few)
    convert(source("s3://data/raw"), tmp_path / "there", SMALL)
    server.faults = {"error": 1.0}
    with pytest.raises(VqaDataError, match=r"s3://data/raw.*cannot be read") as told:
        convert(source("s3://data/raw"), tmp_path / "out", SMALL)
    assert "hush" not in str(told.value)
    assert "\n" not in str(told.value)
    with pytest.raises(VqaDataError):
        open_shards(tmp_path / "out")


@pytest.mark.parametrize("folder", ["s3://data/no", "s3://gone/raw"])
def test_what_is_not_there_is_called_by_its_address(
    folder: str, server: S3Server, tmp_path: Path
) -> None:
    with pytest.raises(VqaDataError, match=f"^{folder}/q.json: no such file"):
        convert(CocoVqa(questions=f"{folder}/q.json"), tmp_path / "out")


def test_a_root_without_a_file_is_no_folder(
    server: S3Server, files: VqaFiles, tmp_path: Path
) -> None:
    wanted = source(files.folder).model_copy(update={"image_root": [Path("s3://data/nowhere")]})
    with pytest.raises(VqaDataError, match=r"^s3://data/nowhere: no such folder"):
        convert(wanted, tmp_path / "out")


def test_damage_in_a_file_of_records_is_called_by_its_address(
    server: S3Server, files: VqaFiles, tmp_path: Path
) -> None:
    (files.folder / "questions.json").write_text('{"questions": [{"a"')
    with pytest.raises(VqaDataError, match=r"^s3://data/raw/questions\.json: byte"):
        convert(source("s3://data/raw"), tmp_path / "out")


def test_a_run_that_failed_has_its_copies(
    server: S3Server, files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("vqadata.converting.picture_batch.read_stored", _gone)
        with pytest.raises(VqaDataError, match="gone"):
            convert(source("s3://data/raw"), tmp_path / "out", SMALL)
    assert "data/raw/questions.json" in server.read
    server.read.clear()
    (files.folder / "annotations.json").write_text(
        (files.folder / "annotations.json").read_text() + " "
    )
    convert(source("s3://data/raw"), tmp_path / "out", SMALL)
    assert "data/raw/questions.json" not in server.read
    assert "data/raw/annotations.json" in server.read
    convert(source(files.folder), tmp_path / "here", SMALL)
    assert tree(tmp_path / "out") == tree(tmp_path / "here")


def _gone(stored: object) -> bytes:
    raise VqaDataError("s3://data", "gone")


def test_a_picture_that_changes_is_not_taken(
    server: S3Server, files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(ReadOptions, retries=0)
    monkeypatch.setattr("vqadata.stores.reading.ReadOptions", few)
    look = CocoVqa.batches

    def changed(self: CocoVqa, work: Any) -> Any:
        yield from look(self, work)
        with files.picture(3).open("ab") as file:
            file.write(b"more")

    monkeypatch.setattr(CocoVqa, "batches", changed)
    with pytest.raises(VqaDataError, match=r"3\.jpg: cannot be read: .* when it was listed"):
        convert(source("s3://data/raw"), tmp_path / "out", SMALL)


def test_a_password_in_a_url_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(VqaDataError, match=r"s3://\.\.\.@data: a password") as told:
        convert(source("s3://key:hush@data/raw"), tmp_path / "out")
    assert "hush" not in str(told.value)
