"""Ranges of one file: together they give each record once and in order, whatever it holds."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.vqa_v2 import write_files
from vqadata.errors import VqaDataError
from vqadata.reading.json_blocks import JsonBlocks
from vqadata.reading.json_exact import Sight
from vqadata.reading.json_ranges import JsonRange, Part, first_numbers, misread

TEXTS = [
    '}, {"id": 5',
    "]}",
    '], "x": 1}, {"id": 1',
    "\\",
    '"',
    "é蓝",
    "a\nb",
    '{"id": 7}, {"id": 8}',
    "",
]
STYLES: list[dict[str, Any]] = [
    {}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False},
]  # fmt: skip


def read(path: Path, key: str, bounds: list[int], size: int) -> tuple[list[bytes], list[Part], int]:
    """The records of all ranges, what each one read, and how many were read a second time."""
    found: list[list[bytes]] = []
    parts: list[Part] = []
    again = 0
    for start, stop in pairwise(bounds):
        one = JsonRange(path, key, start, stop, block_bytes=size)
        records = [record for block in one for record in block.records]
        assert one.part is not None
        if misread([*parts, one.part]) is not None:
            again += 1
            one = JsonRange(path, key, start, stop, parts[-1].ended, block_bytes=size)
            records = [record for block in one for record in block.records]
            assert one.part is not None
        assert one.part.records == len(records)
        parts.append(one.part)
        found.append(records)
    assert misread(parts) is None
    firsts = first_numbers(parts)
    kept = [record for records, _ in zip(found, firsts, strict=False) for record in records]
    assert firsts == [sum(map(len, found[:n])) for n in range(len(firsts))]
    return kept, parts, again


def even(path: Path, count: int) -> list[int]:
    size = path.stat().st_size
    return [size * n // count for n in range(count + 1)]


@pytest.mark.parametrize("count", [1, 2, 7, 64])
@pytest.mark.parametrize("name", ["questions", "annotations"])
def test_any_number_of_ranges_gives_the_same_records(count: int, name: str, tmp_path: Path) -> None:
    write_files(tmp_path, 2000)
    path = tmp_path / f"{name}.json"
    whole = [record for block in JsonBlocks(path, name) for record in block.records]
    found, parts, again = read(path, name, even(path, count), 1 << 22)
    assert found == whole
    assert again == 0
    assert [part.is_last for part in parts] == [False] * (count - 1) + [True]


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_ranges_of_adversarial_files(data: st.DataObject, tmp_path: Path) -> None:
    texts = st.sampled_from(TEXTS)
    inner = st.lists(st.fixed_dictionaries({"id": texts | st.integers(0, 9)}), max_size=4)
    record = st.fixed_dictionaries({"id": st.integers(0, 99), "t": texts}, optional={"in": inner})
    rows = data.draw(st.lists(record, min_size=2, max_size=40))
    style = data.draw(st.sampled_from(STYLES))
    document: Any = {"info": {"rows": [{"id": 1}, {"id": 2}]}, "rows": rows}
    if data.draw(st.booleans()):
        document |= {"more": [{"id": 1}, {"id": 2}, {"id": 3}], "name": '}, {"id"'}
    document = data.draw(st.sampled_from([document, rows]))
    path = tmp_path / "rows.json"
    path.write_text(data.draw(st.sampled_from(["", "\ufeff"])) + json.dumps(document, **style))
    size = path.stat().st_size
    bounds = sorted(data.draw(st.sets(st.integers(0, size), max_size=12)) | {0, size})
    found, _, _ = read(path, "rows", bounds, data.draw(st.sampled_from([64, 300, 1 << 20])))
    assert [json.loads(record) for record in found] == rows


def test_what_is_misread_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sight, "continues", lambda *_: True)
    path = tmp_path / "rows.json"
    inner = [{"id": n} for n in range(12)]
    rows = [{"id": n, "in": inner} for n in range(60)]
    path.write_text(json.dumps({"rows": rows}))
    found, _, again = read(path, "rows", even(path, 9), 500)
    assert [json.loads(record) for record in found] == rows
    assert again


def test_damage_costs_as_much_as_in_the_whole_file(tmp_path: Path) -> None:
    write_files(tmp_path, 1000, damaged=0.05)
    path = tmp_path / "annotations.json"
    whole = [record for block in JsonBlocks(path, "annotations") for record in block.records]
    found, _, _ = read(path, "annotations", even(path, 20), 1 << 20)
    assert found == whole


def test_ranges_behind_the_list_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps({"rows": [{"id": 1}, {"id": 2}], "more": [{"id": 3}, {"id": 4}]}))
    first = JsonRange(path, "rows", 0, 30)
    assert [len(block.records) for block in first] == [2]
    behind = JsonRange(path, "rows", 30, path.stat().st_size)
    list(behind)
    assert first.part is not None
    assert behind.part is not None
    assert first.part.is_last
    assert first_numbers([first.part, behind.part]) == [0]
    assert misread([first.part, behind.part]) is None


def test_gzip_has_no_ranges(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(gzip.compress(b'[{"id": 1}, {"id": 2}]'))
    with pytest.raises(VqaDataError, match="not packed"):
        JsonRange(path, "rows", 0, 10)


def test_a_truncated_file_is_named_by_its_last_range(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    text = json.dumps({"rows": [{"id": n} for n in range(99)]})[:-20]
    path.write_text(text)
    assert [len(block.records) for block in JsonRange(path, "rows", 0, 200)] == [17]
    with pytest.raises(VqaDataError, match="ends inside"):
        read(path, "rows", [0, 200, len(text)], 1 << 20)
