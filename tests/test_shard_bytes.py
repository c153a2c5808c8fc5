"""The bytes of a folder of shards: each of them is covered, and none is trusted unread."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import VqaFiles
from vqadata import OutputOptions, convert, open_shards, verify
from vqadata.errors import DamageError, ShardError, VqaDataError
from vqadata.images.header import Header
from vqadata.shards import schema as shard_schema_module
from vqadata.shards.manifest import BatchEntry, Manifest, ShardEntry, inside
from vqadata.shards.message import (
    MessageError,
    Segments,
    check_around_pictures,
    checked_rows,
    segment_lengths,
)
from vqadata.shards.read_options import ReadOptions
from vqadata.shards.schema import (
    Picture,
    picture_rows,
    rows_with,
    shard_schema,
    with_pictures,
)
from vqadata.shards.writer import ShardWriter
from vqadata.sources.coco_vqa import CocoVqa

SKIP = ReadOptions(on_damage="skip")


@pytest.fixture
def shards(vqa_files: VqaFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three pictures in two shards of one batch each."""
    monkeypatch.setattr("vqadata.converting.assembly.BATCH_BYTES", 1 << 20)
    vqa_files.padded(700_000)
    convert(CocoVqa(**vqa_files.write()), tmp_path / "out", OutputOptions(shard_mb=1))
    return tmp_path / "out"


FIRST = "val2014-00000.arrow"


def change(path: Path, place: int, mask: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= mask
    path.write_bytes(data)


def question(number: int) -> dict[str, object]:
    empty = {f.name: [] if pa.types.is_list(f.type) else None for f in questions_type().fields}
    origin = {"source": "s", "file": "f", "index": number}
    return empty | {"question_id": str(number), "text": "?" * number, "origin": origin}


def questions_type() -> pa.StructType:
    return shard_schema().field("questions").type.value_type


PICTURE = st.builds(
    Picture,
    path=st.text(max_size=5),
    data=st.none() | st.binary(max_size=40),
    digest=st.none() | st.just("0" * 32),
    header=st.none() | st.just(Header(3, 4, "PNG", "RGB")),
)
ROWS = st.lists(st.tuples(st.lists(PICTURE, max_size=3), st.integers(1, 3)), min_size=1, max_size=6)


def batch_of(rows: list[tuple[list[Picture], int]]) -> pa.RecordBatch:
    pictures, counts = zip(*rows, strict=True)
    asked = pa.array([question(n) for n in range(sum(counts))], questions_type())
    return picture_rows(pictures, counts, asked)


def written(folder: Path, batch: pa.RecordBatch) -> tuple[ShardEntry, pa.Buffer]:
    with ShardWriter(folder, 1 << 20) as writer:
        writer.write("", batch)
        (entry,) = writer.close()
    return entry, pa.py_buffer((folder / entry.file).read_bytes())


@given(ROWS, st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_the_segments_of_any_batch_hold_what_they_say(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[Picture], int]], skip: int
) -> None:
    batch = batch_of(rows)
    batch = batch.slice(min(skip, batch.num_rows - 1))
    shard, data = written(tmp_path_factory.mktemp("shard"), batch)
    (entry,) = shard.batches
    message = data.slice(entry.offset, entry.length)
    assert (entry.text_length, entry.length) == (segment_lengths(batch)[0], message.size)
    assert checked_rows(message, entry, Segments(True, True)).equals(batch)
    blank = message.to_pybytes()[: entry.text_length] + bytes(entry.length - entry.text_length)
    text = checked_rows(pa.py_buffer(blank), entry, Segments(True, False)).drop_columns(["images"])
    assert text.equals(batch.drop_columns(["images"]))
    with pytest.raises(MessageError, match="pictures segment"):
        checked_rows(pa.py_buffer(blank[:-1] + b"x"), entry, Segments(True, True))


def test_a_segment_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    from vqadata.groundwork.digests import bytes_digest

    shard, data = written(tmp_path, batch_of([([], 3)]))
    entry = shard.batches[0]
    message = data.slice(entry.offset, entry.length)
    cut = entry.text_length - 64
    lying = entry.model_copy(
        update={
            "text_length": cut,
            "text_xxh3": bytes_digest(memoryview(message)[:cut]),
            "pictures_xxh3": bytes_digest(memoryview(message)[cut:]),
        }
    )
    with pytest.raises(MessageError, match="outside its text segment"):
        checked_rows(message, lying, Segments(True, True))


def test_offsets_that_lead_out_of_their_column_are_refused(tmp_path: Path) -> None:
    from vqadata.groundwork.digests import bytes_digest

    batch = batch_of([([], 2), ([], 1)])
    shard, data = written(tmp_path, batch)
    entry, changed = shard.batches[0], bytearray(data.to_pybytes())
    offsets = pa.array([0, 2, 3], pa.int32()).buffers()[1].to_pybytes()[:12]
    place = changed.index(offsets, entry.offset)
    changed[place + 4 : place + 8] = (1 << 20).to_bytes(4, "little")
    message = pa.py_buffer(bytes(changed)).slice(entry.offset, entry.length)
    digest = bytes_digest(memoryview(message)[: entry.text_length])
    agreed = entry.model_copy(update={"text_xxh3": digest})
    with pytest.raises(MessageError, match="not readable"):
        checked_rows(message, agreed, Segments(True, True))


def around(batch: pa.RecordBatch, flipped: int | None = None) -> None:
    """Check a batch, as it was written, around its pictures; one byte of it may be another."""
    text, whole = segment_lengths(batch)[0], bytearray(batch.serialize())
    if flipped is not None:
        whole[flipped] ^= 1
    message = pa.py_buffer(whole)
    rows = pa.ipc.read_record_batch(message, shard_schema())
    check_around_pictures(rows, message, text)


def test_pictures_that_are_not_those_of_their_facts_are_refused() -> None:
    picture = Picture("a/b.jpg", b"x", "0" * 32, Header(3, 4, "PNG", "RGB"))
    batch = batch_of([([picture, picture], 2)])
    around(batch)
    facts = batch.column("image_facts").to_pylist()
    mended, other = ([{"bytes": b"x", "path": name}] * 2 for name in ("a/b.png", "a/c.jpg"))
    around(with_pictures(batch, [mended], facts))
    with pytest.raises(MessageError, match=r"called 'a/c.jpg'; expected 'a/b.jpg'"):
        around(with_pictures(batch, [other], facts))
    with pytest.raises(MessageError, match="not as many"):
        around(with_pictures(batch, [mended[:1]], facts))
    none = [{"bytes": None, "path": "a/b.jpg"}] * 2
    with pytest.raises(MessageError, match="missing pictures are not those of its facts"):
        around(with_pictures(batch, [none], facts))


def test_each_byte_around_the_pictures_is_checked() -> None:
    mark = b"the bytes of a picture"
    pictures = [Picture(f"{n}.jpg", mark, "0" * 32, Header(3, 4, "PNG", "RGB")) for n in range(3)]
    batch = batch_of([(pictures, 2)])
    whole, (text, length) = bytes(batch.serialize()), segment_lengths(batch)
    inside = {n for at in re.finditer(mark, whole) for n in range(*at.span())}
    assert len(inside) == 3 * len(mark)
    unchecked = []
    for place in range(text, text + length):
        try:
            around(batch, place)
            unchecked.append(place)
        except MessageError:
            pass
    # An offset inside of the pictures says where one ends; its digest would be another one.
    assert inside <= set(unchecked)
    ends = set(unchecked) - inside
    assert len(ends) <= 2 * 8


def test_questions_are_read_without_the_pictures(shards: Path) -> None:
    path = shards / FIRST
    change(path, path.stat().st_size // 2)
    opened = open_shards(shards)
    assert opened.questions(["question_id"]).num_rows == 6
    assert [r.question_id for r in opened.records()] == ["0", "3", "1", "4", "2", "5"]
    assert len(list(opened.batches(["image_facts"]))) == 2
    with pytest.raises(DamageError, match=r"batch 0 .* its pictures segment has digest"):
        opened.pictures(0)
    with pytest.raises(DamageError, match="vqadata repair"):
        list(opened.batches())


def test_every_byte_of_a_shard_is_covered(shards: Path) -> None:
    path, whole = shards / FIRST, (shards / FIRST).read_bytes()
    (entry,) = open_shards(shards).manifest.shards[0].batches
    around = [*range(0, entry.offset, 197), *range(entry.end, len(whole), 197)]
    inner = random.Random(5).sample(range(entry.offset, entry.end), 30)
    for place in [*around, *inner, entry.offset, entry.end - 1, entry.end, len(whole) - 1]:
        change(path, place, 1 << place % 8)
        with pytest.raises(DamageError, match="damaged"):
            list(open_shards(shards).batches())
        path.write_bytes(whole)
    assert sum(batch.num_rows for batch in open_shards(shards).batches()) == 3


def test_every_byte_of_the_manifest_is_covered(shards: Path) -> None:
    path = shards / "manifest.json"
    whole = path.read_bytes()
    for place in [*range(0, len(whole), 13), *range(len(whole) - 80, len(whole))]:
        change(path, place, 1 << place % 8)
        with pytest.raises(ShardError):
            open_shards(shards)
        path.write_bytes(whole)
    for other in (whole[:-1], whole + b"\n", whole.replace(b": ", b":", 1)):
        path.write_bytes(other)
        with pytest.raises(ShardError, match="changed after it was written"):
            open_shards(shards)


def test_damaged_batches_are_skipped_counted_and_told(
    shards: Path, caplog: pytest.LogCaptureFixture
) -> None:
    change(shards / FIRST, (shards / FIRST).stat().st_size // 2)
    opened = open_shards(shards, SKIP)
    for _ in range(2):
        assert [batch.num_rows for batch in opened.batches()] == [1]
    (damage,) = opened.damage
    assert damage[:4] == (FIRST, 0, 2, 4)
    assert len(caplog.messages) == 1
    assert "skipped 4 questions" in caplog.text
    assert FIRST in caplog.text


def test_rows_keep_their_numbers_when_a_shard_is_gone(shards: Path) -> None:
    last = open_shards(shards).questions()["picture_row"].to_pylist()[-1]
    (shards / FIRST).unlink()
    with pytest.raises(DamageError, match="no such file"):
        open_shards(shards)
    opened = open_shards(shards, SKIP)
    assert opened.questions()["picture_row"].to_pylist() == [last, last]
    assert len(opened.pictures(last)) == 1
    with pytest.raises(DamageError):
        opened.pictures(0)


def test_a_file_that_is_cut_off_while_it_is_read_raises_and_kills_nobody(shards: Path) -> None:
    opened = open_shards(shards)
    opened.pictures(0)
    os.truncate(shards / FIRST, 5000)
    with pytest.raises(DamageError, match="5,000 bytes"):
        opened.pictures(0)


def test_swapped_shards_are_noticed(shards: Path) -> None:
    paths = [shards / FIRST, shards / FIRST.replace("0.", "1.")]
    first, second = (path.read_bytes() for path in paths)
    paths[0].write_bytes(second)
    paths[1].write_bytes(first)
    with pytest.raises(DamageError):
        open_shards(shards)
    assert len(verify(shards).problems) == 2


def documents(shards: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Manifests that are whole, but should not be followed."""
    document = json.loads((shards / "manifest.json").read_text())
    shard = document["shards"][0]
    for name in ("../x.arrow", "/etc/passwd", "a//b", "a/./b", "C:x", "a\\b", ""):
        yield "leads out", document | {"shards": [shard | {"file": name}, document["shards"][1]]}
    for change_ in ({"offset": -1}, {"length": 1 << 40}, {"pictures": 3}):
        batches = [shard["batches"][0] | change_]
        yield "batches", document | {"shards": [shard | {"batches": batches}]}
    yield "version 4; expected version 3.*newer release", document | {"format_version": 4}
    yield "version 2; expected version 3.*Make", document | {"format_version": 2}


def test_manifests_that_mislead_are_refused(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vqadata.shards import manifest

    for said, document in list(documents(shards)):
        document.pop("digest")
        shape = type("Shape", (), {"model_dump": lambda self, mode, d=document: d})()
        manifest.write_manifest(shards, shape)
        with pytest.raises(ShardError, match=said):
            open_shards(shards)


@pytest.mark.parametrize("name", ["a.arrow", "evidence/watermark/1.png", "..a", "ä"])
def test_names_inside_the_folder_are_good(name: str) -> None:
    assert inside(name) == name


def test_a_row_of_too_many_bytes_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_schema_module, "MOST_BYTES", 10)
    with pytest.raises(VqaDataError, match=r"scan.png: with the pictures of its record"):
        batch_of([([Picture("scan.png", b"0123456789a", None, None)], 1)])


def test_errors_travel_between_processes() -> None:
    import pickle

    from vqadata.errors import MissingExtraError

    for error in (DamageError("a", "b", "c", "d"), MissingExtraError("a", "b", "c")):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_the_manifest_counts_what_its_batches_hold(shards: Path) -> None:
    manifest: Manifest = open_shards(shards).manifest
    entries: list[BatchEntry] = [batch for shard in manifest.shards for batch in shard.batches]
    assert (sum(e.pictures for e in entries), sum(e.questions for e in entries)) == (3, 6)


def test_rows_with_other_questions_keep_the_order_of_columns() -> None:
    import numpy as np

    batch = batch_of([([], 1), ([], 2)])
    questions = batch.column("questions").flatten()
    assert rows_with(batch, questions, np.array([0, 1, 1])).equals(batch)
