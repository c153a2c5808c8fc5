"""Blocks of whole records: the same records for any block size, and every break is named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqadata.errors import VqaDataError
from vqadata.reading.json_blocks import JsonBlocks

texts = st.sampled_from(["a", '}, {"id"', ']}"', "\\", '"', "é蓝", "}], {", "\n", ""])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
records = st.fixed_dictionaries({"id": st.integers(0, 99)}, optional={"x": values, "parts": values})
nested = st.builds(lambda a, b: {"id": a, "parts": [{"id": b}, {"id": a}]}, values, values)
plain = st.lists(values, max_size=3)


def cut(path: Path, size: int, key: str = "rows", **options: Any) -> list[bytes]:
    blocks = JsonBlocks(path, key, block_bytes=size, **options)
    found = []
    for block in blocks:
        assert block.first == len(found)
        found += block.records
    assert blocks.records == len(found)
    return found


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(records | nested, max_size=30) | st.lists(plain, max_size=12),
    style=st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}]),
    size=st.integers(1, 400),
    form=st.sampled_from(["list", "object", "tail", "gzip"]),
)
def test_any_block_size_gives_the_same_records(
    rows: list[Any], style: dict[str, Any], size: int, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "rows.json"
    document: Any = {"info": {"rows": [1]}, "rows": rows}
    if form == "list":
        document = rows
    elif form == "tail":
        document |= {"more": [{"id": 1}, {"id": 2}], "name": "x"}
    data = json.dumps(document, **style).encode()
    path.write_bytes(gzip.compress(data) if form == "gzip" else data)
    assert [json.loads(record) for record in cut(path, size)] == rows


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
def test_header_before_and_behind_the_list(size: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('\ufeff{"a": {"b": [1, "]"]}, "rows": [{"id": 1}], "c": "d", "e": [[]]}')
    blocks = JsonBlocks(path, "rows", block_bytes=size)
    assert blocks.header == {"a": {"b": [1, "]"]}}
    assert [block.records[:] for block in blocks] == [[b'{"id": 1}']]
    assert blocks.header == {"a": {"b": [1, "]"]}, "c": "d", "e": [[]]}
    assert blocks.place(0) == "rows[0]"


DAMAGED = {
    "no colon": '{"id" 2}',
    "open quote": '{"id": 2, "text": "what}',
    "open brace": '{"id": 2, "text": {"a": 1}',
    "no opening": '"id": 2, "text": "what"}',
    "two closings": '{"id": 2}}',
    "bare word": '{"id": what}',
    "not utf-8": b'{"id": "\xff"}',
}


@pytest.mark.parametrize("size", [1, 10, 50, 1 << 20])
@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_record_costs_only_itself(what: str, size: int, tmp_path: Path) -> None:
    good = [b'{"id": %d, "text": "}, {"}' % n for n in range(60)]
    bad = DAMAGED[what]
    rows = [*good[:30], bad if isinstance(bad, bytes) else bad.encode(), *good[30:]]
    path = tmp_path / "rows.json"
    path.write_bytes(b'{"rows": [' + b", ".join(rows) + b"]}")
    assert cut(path, size) == rows


@pytest.mark.parametrize("size", [1, 50, 1 << 20])
def test_a_missing_brace_or_comma_takes_no_neighbour_along(size: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    good = [b'{"id": %d, "t": [{"a": "}"}]}' % n for n in range(40)]
    rows = b", ".join(good)
    path.write_bytes(b"[" + rows.replace(good[20], good[20][:-1]) + b"]")
    assert cut(path, size) == [*good[:20], good[20][:-1], *good[21:]]
    path.write_bytes(b"[" + rows.replace(good[20] + b",", good[20]) + b"]")
    assert cut(path, size) == good


@pytest.mark.parametrize("size", [200, 1 << 20])
def test_the_list_in_a_damaged_record_does_not_end_the_records(size: int, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    good = [b'{"id": %d, "t": [{"a": "x"}], "n": 1}' % n for n in range(20)]
    bad = b'{"id": "open, "t": [{"a": "}, {\\"id\\": 5"}], "n": 1}'
    rows = [*good[:10], bad, *good[10:]]
    path.write_bytes(b'{"rows": [' + b", ".join(rows) + b"]}")
    assert cut(path, size) == rows


TAILS = {
    '{"a": 1, "rows": [{"id": 1}]|': "cut or damaged behind this value",
    '{"rows": [{"id": 1}]|, "a"': "cut or damaged behind this value",
    '{"rows": [{"id": 1}], "a": |what}': "this value is no JSON",
    '{"rows": [{"id": 1}]} |and more': "found b'and more' behind the document",
    '[{"id": 1}] |and more': "found b'and more' behind the document",
}
"""Documents with a mark where they make no sense, and what is said of it."""


@pytest.mark.parametrize("text", TAILS)
def test_damage_behind_the_list_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text.replace("|", ""))
    with pytest.raises(VqaDataError, match=TAILS[text]) as error:
        cut(path, 100)
    assert error.value.where.endswith(f": byte {text.index('|')}")
    assert cut(path, 100, keep_whole=True) == [b'{"id": 1}']


@pytest.mark.parametrize("size", [1, 16, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_a_truncated_file_is_named_to_the_byte(size: int, packed: bool, tmp_path: Path) -> None:
    rows = [json.dumps({"id": n, "t": '}, {"id"'}).encode() for n in range(20)]
    whole = b'{"rows": [' + b", ".join(rows)
    starts = [10 + n * (len(rows[0]) + 2) for n in range(10)]  # of the records with one digit
    path = tmp_path / "rows.json"
    for length in range(starts[0], starts[-1]):
        data = whole[:length]
        path.write_bytes(gzip.compress(data) if packed else data)
        begun = [start for start in starts if start < length]
        ended = [start for start in starts if start + len(rows[0]) <= length]
        with pytest.raises(VqaDataError) as error:
            cut(path, size)
        broken = length if len(begun) == len(ended) else begun[-1]
        assert error.value.where.endswith(f": byte {broken}")
        assert f"Whole records before it: {len(ended)};" in error.value.remedy
        assert cut(path, size, keep_whole=True) == rows[: len(ended)]


WRONG = {
    b"": "an empty file",
    b"<html>": "<html>",
    b'{"a": 1, "b": []}': "top-level keys: a, b; expected a list, or a key rows",
    b'{"rows": 5}': "top-level keys: rows",
    b"17": "b'17'",
}


@pytest.mark.parametrize("content", WRONG)
def test_what_holds_no_list_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(VqaDataError) as error:
        JsonBlocks(path, "rows")
    assert WRONG[content] in str(error.value)


def test_damaged_gzip_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(gzip.compress(b'[{"id": 1}]' * 99)[:-20])
    with pytest.raises(VqaDataError, match="damaged gzip"):
        cut(path, 100)
