"""Streams of records: the same for any block size, each break named, damage costs only itself."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vqadata.errors import VqaDataError
from vqadata.reading.delimited import BadRow, Delimited
from vqadata.reading.json_keyed import KeyedRecords
from vqadata.reading.json_lines import JsonLines
from vqadata.reading.json_list import JsonList
from vqadata.reading.json_scan import RawRecord
from vqadata.reading.record_stream import RecordStream

fuzzing = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
sizes = st.integers(64, 400)
texts = st.lists(
    st.sampled_from(["a", '}, {"id"', ']}"', "\\", '"', "é蓝", "}], {", "\n", '": {"id"', '"":']),
    max_size=2,
).map("".join)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=3)
        | st.builds(lambda value: {"id": value}, inner)
    ),
    max_leaves=6,
)
records = st.fixed_dictionaries({"id": st.integers(0, 99)}, optional={"x": values, "parts": values})
flat = st.builds(
    lambda n, rest: {"id": n} | rest, st.integers(0, 99), st.dictionaries(texts, texts)
)
styles = st.sampled_from([{}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}])


def as_list(path: Path, rows: list[Any], **style: Any) -> bytes:
    return json.dumps(rows, **style).encode()


def as_member(path: Path, rows: list[Any], **style: Any) -> bytes:
    around = {"info": {"rows": [1]}, "others": [1], "rows": rows, "name": ["x"], "more": {"id": 1}}
    return json.dumps(around, **style).encode()


def as_nested(path: Path, rows: list[Any], **style: Any) -> bytes:
    # Objects that begin like the records, and are none of them: their ids are never negative.
    inner = {"x": [{"id": -1}, {"id": -2}], "rows": rows, "y": [{"id": -3}]}
    return json.dumps({"rows": [5], "data": inner, "name": "x"}, **style).encode()


def as_keyed(path: Path, rows: list[Any], **style: Any) -> bytes:
    return json.dumps({f'"{n}\\é': row for n, row in enumerate(rows)}, **style).encode()


def as_lines(path: Path, rows: list[Any], **style: Any) -> bytes:
    style.pop("indent", None)
    return b"".join(json.dumps(row, **style).encode() + b"\n" for row in rows)


Opened = Callable[[Path, bool, int], RecordStream]
FORMS: dict[str, tuple[Callable[..., bytes], Opened]] = {
    "list": (as_list, lambda path, keep, size: JsonList(path, (), (), keep, size)),
    "member": (as_member, lambda path, keep, size: JsonList(path, ("x", "rows"), (), keep, size)),
    "nested": (
        as_nested,
        lambda path, keep, size: JsonList(path, (), ("data", "rows"), keep, size),
    ),
    "keyed": (as_keyed, KeyedRecords),
    "lines": (as_lines, JsonLines),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


def read(path: Path, form: str, size: int = 64, keep: bool = False) -> list[RawRecord]:
    stream = FORMS[form][1](path, keep, size)
    found = list(stream)
    assert stream.count == len(found)
    assert [record.number for record in found] == list(range(len(found)))
    return found


def raws(path: Path, form: str, size: int = 64, keep: bool = False) -> list[bytes]:
    return [record.raw for record in read(path, form, size, keep)]


def spans(data: bytes, texts: list[bytes]) -> list[tuple[int, int]]:
    """Where each text stands in the data, one behind the other."""
    found, at = [], 0
    for text in texts:
        start = data.index(text, at)
        at = start + len(text)
        found.append((start, at))
    return found


@fuzzing
@given(rows=st.lists(records, max_size=20), style=styles, size=sizes, packed=st.booleans())
def test_any_block_size_gives_the_same_records(
    rows: list[Any], style: dict[str, Any], size: int, packed: bool, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "data"
    data = FORMS[form][0](path, rows, **style)
    path.write_bytes(gzip.compress(data) if packed else data)
    found = read(path, form, size)
    assert [json.loads(record.raw) for record in found] == rows
    if form == "keyed":
        assert [record.key for record in found] == list(json.loads(data))


@fuzzing
@given(rows=st.lists(records, min_size=1, max_size=8), style=styles, size=sizes, data=st.data())
def test_a_truncated_file_is_named_and_gives_its_whole_records(
    rows: list[Any], style: dict[str, Any], size: int, data: st.DataObject, form: str,
    tmp_path: Path,
) -> None:  # fmt: skip
    path = tmp_path / "data"
    whole = FORMS[form][0](path, rows, **style)
    path.write_bytes(whole)
    texts = raws(path, form)
    places = spans(whole, texts)
    length = data.draw(st.integers(places[0][0] + 1, len(whole) - 1))
    path.write_bytes(whole[:length])
    ended = [text for text, (_, end) in zip(texts, places, strict=True) if end <= length]
    if form == "lines" and length in {end for _, end in places} | {end + 1 for _, end in places}:
        return
    with pytest.raises(VqaDataError) as error:
        raws(path, form, size)
    assert " byte " in error.value.where
    assert f"Whole records before it: {len(ended)};" in error.value.remedy
    assert raws(path, form, size, keep=True) == ended


@fuzzing
@given(
    rows=st.lists(flat, min_size=2, max_size=12),
    size=sizes,
    place=st.integers(0, 10**6),
    byte=st.sampled_from(list(b'"{}:,ax\\\xff\x00\n 1')),
)
def test_a_damaged_byte_costs_only_its_record(
    rows: list[Any], size: int, place: int, byte: int, form: str, tmp_path: Path
) -> None:
    path = tmp_path / "data"
    whole = FORMS[form][0](path, rows)
    path.write_bytes(whole)
    texts = raws(path, form)
    places = spans(whole, texts)
    victim = place % (len(texts) - 1)
    start, end = places[victim]
    at = start + 1 + place % (end - start - 1)
    path.write_bytes(whole[:at] + bytes([byte]) + whole[at + 1 :])
    stream = FORMS[form][1](path, True, size)
    found = iter([record.raw for record in stream])
    whole_again = all(text in found for text in [*texts[:victim], *texts[victim + 1 :]])
    # A byte may make a shorter document of it: that is said, and where.
    assert whole_again or stream.broken is not None


@pytest.mark.parametrize("seed", range(3))
def test_much_damage_costs_only_the_damaged_records(seed: int, form: str, tmp_path: Path) -> None:
    import random

    chance = random.Random(seed)
    inner = [{"answer": "}, {", "id": n} for n in range(4)]
    rows = [{"id": n, "text": '"a": {"b"}', "answers": inner, "x": n} for n in range(3000)]
    path = tmp_path / "data"
    whole = FORMS[form][0](path, rows)
    path.write_bytes(whole)
    texts = raws(path, form, 1 << 20)
    broken = bytearray(whole)
    bad = set(chance.sample(range(1, len(texts) - 1), 60))
    for victim, (start, end) in enumerate(spans(whole, texts)):
        if victim in bad:
            broken[chance.randrange(start + 1, end)] = chance.choice(b'"{}x,')
    path.write_bytes(broken)
    found = iter(raws(path, form, 1 << 14, keep=True))
    assert all(text in found for victim, text in enumerate(texts) if victim not in bad)


@pytest.mark.parametrize("parts", [3, 16, 17, 60])
@pytest.mark.parametrize("size", [64, 1000, 1 << 20])
def test_objects_in_a_record_that_begin_like_it_are_no_records(
    parts: int, size: int, form: str, tmp_path: Path
) -> None:
    inner = [{"id": n, "k": {"id": 0}} for n in range(parts)]
    rows = [{"id": n, "parts": inner, "named": {"a": {"id": 1}, "b": {"id": 1}}} for n in range(40)]
    path = tmp_path / "data"
    path.write_bytes(FORMS[form][0](path, rows))
    assert [json.loads(raw) for raw in raws(path, form, size)] == rows


def test_a_repeated_key_gives_two_records(tmp_path: Path) -> None:
    path = tmp_path / "data"
    member = b'"1": {"id": %d, "text": "' + b"x" * 90 + b'"}'
    path.write_bytes(b"{" + b", ".join(member % n for n in range(9)) + b"}")
    found = list(KeyedRecords(path, block_bytes=300))
    assert [json.loads(record.raw)["id"] for record in found] == list(range(9))
    assert {record.key for record in found} == {"1"}


def test_a_header_is_read_before_and_behind_the_list(tmp_path: Path) -> None:
    path = tmp_path / "data"
    images = [{"n": n, "text": "]}" * 30} for n in range(3000)]
    document = {"info": {"a": [1, "]"]}, "rows": [{"id": 1}], "images": images, "bad": None}
    path.write_text(json.dumps(document).replace("null", "NaN"))
    stream = JsonList(path, ("rows",), keep_whole=True)
    assert stream.header("info") == {"a": [1, "]"]}
    assert stream.header("images") == images
    assert stream.header("rows") is None
    assert stream.header("nothing") is None
    with pytest.raises(VqaDataError, match=r"bad: .*invalid character"):
        stream.header("bad")
    assert [record.path for record in stream] == ["rows[0]"]
    assert stream.broken is not None
    assert "no JSON" in stream.broken.what


UNCLEAR = {
    '{"a": [{"b": 1}], "c": [{"b": 1}]}': "several lists: a, c",
    '{"a": [{"b": 1}], "x": 1, "a": [{"b": 1}]}': "the key 'a' stands there several times",
    '{"a": {"b": [{}]}}': "top-level keys: a; expected a list, or a key with a list",
    '{"a": [{"b": 1}]}{"a": [{"b": 2}]}': "behind the document",
    "[{}][{}]": "found b'[{}]' behind the document",
    "[{}], ": "found b', ' behind the document",
    '{"a": [{"b": 1}], "c": x}': "byte 23: this value is no JSON",
    "{" + ", ".join(f'"{n}": {{}}' for n in range(20_000)) + "}": "more than 10000 keys: 0, 1, 2",
}


@pytest.mark.parametrize("text", UNCLEAR, ids=UNCLEAR.values())
def test_an_unclear_document_is_one_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text(text)
    with pytest.raises(VqaDataError) as error:
        list(JsonList(path))
    assert UNCLEAR[text] in str(error.value)


HARMLESS = {
    "[]": 0, "[ ]": 0, '[{"a": 1}, ]': 1, '\ufeff \n[{"a": 1}]\n \n': 1, "[1, null, [2]]": 3,
    '[null, {"a": "' + "x" * 3000 + '"}, [{"a": 1}], "]", {}]': 5,
    '[{"a": ' + "[" * 10_000 + "]" * 10_000 + '}, {"a": 1}]': 2,
}  # fmt: skip
"""Documents and how many records they hold, be they usable or not."""


@pytest.mark.parametrize("text", HARMLESS, ids=[text[:20] for text in HARMLESS])
def test_lists_of_anything_are_cut(text: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_text(text)
    for size in (64, 1 << 20):
        assert len(list(JsonList(path, block_bytes=size))) == HARMLESS[text]


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.999])
def test_a_truncated_gzip_file_says_how_many_records_came_before(
    share: float, form: str, tmp_path: Path
) -> None:
    import random

    letters = random.Random(1)
    rows = [{"id": n, "text": f"{letters.random()}"} for n in range(3000)]
    path = tmp_path / "data.gz"
    packed = gzip.compress(FORMS[form][0](path, rows))
    path.write_bytes(packed[: int(len(packed) * share)])
    with pytest.raises(VqaDataError, match="damaged gzip: it ends too early") as error:
        raws(path, form, 4096)
    kept = [json.loads(raw) for raw in raws(path, form, 4096, keep=True)]
    assert kept == rows[: len(kept)]
    assert len(kept) > len(rows) * share - 300
    assert f"Whole records before it: {len(kept)};" in error.value.remedy


def test_a_gzip_file_may_have_several_members_and_zeros(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(b'[{"a": 1}, ') + gzip.compress(b'{"a": 2}]') + b"\0" * 99)
    assert raws(path, "list") == [b'{"a": 1}', b'{"a": 2}']


def test_memory_does_not_grow_with_the_file(form: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    rows = [{"id": n, "text": "some words"} for n in range(80_000)]
    path.write_bytes(FORMS[form][0](path, rows))
    tracemalloc.start()
    for _ in FORMS[form][1](path, False, 1 << 12):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 2_500_000
    assert peak < 1_000_000


def test_lines_may_be_long_blank_and_open_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b'\xef\xbb\xbf\r\n{"a": "' + b"x" * 999 + b'"}\r\n\n \n{"a": 2}')
    found = [(record.path, len(record.raw)) for record in JsonLines(path, block_bytes=64)]
    assert found == [("line 2", 1008), ("line 5", 8)]


cells = st.lists(
    st.sampled_from(["a", ",", '"', "\n", "\r\n", ";", "é", " "]), max_size=4
).map("".join)  # fmt: skip


@fuzzing
@given(
    rows=st.lists(st.tuples(cells, cells, cells), max_size=15),
    size=sizes,
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_rows_are_those_of_the_csv_module(
    rows: list[tuple[str, ...]], size: int, end: str, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end)
    writer.writerows([("a", "b", "c"), *rows])
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    table = Delimited(path, b",", block_bytes=size)
    found = [table.decode(record) for record in table]
    assert [[cell or "" for cell in row.values()] for row in found] == [list(row) for row in rows]


@fuzzing
@given(lines=st.lists(st.sampled_from(["a,b", 'a,"b', '"a,b', 'a"b,c', '"a\nb",c', "a", "a,b,c"])))
def test_a_stray_quote_costs_only_its_line_in_any_block(lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("x,y\n" + "".join(f"{line}\n1,{n}\n" for n, line in enumerate(lines)))

    def found(size: int) -> list[Any]:
        table = Delimited(path, b",", block_bytes=size)
        rows: list[Any] = []
        for record in table:
            try:
                rows.append((record.path, table.decode(record)))
            except BadRow as bad:
                rows.append((record.path, bad.reason))
        return rows

    whole = found(1 << 20)
    assert found(64) == whole
    assert {"x": "1", "y": "0"} in [row for _, row in whole] or not lines
