"""The source custom: every format, every way to name a field, and files that are broken."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encoded
from vqadata import VqaDataError, convert, open_shards, verify
from vqadata.errors import OptionError
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.shards.manifest import Manifest
from vqadata.sources.custom import Custom

FIELD_MAPS = Path(__file__).parent.parent / "docs" / "field-maps"
FIELDS = ["image=image", "question=question", "answer=answer"]


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        (folder / name).write_bytes(encoded(colour))
    return folder


def converted(
    path: Path, content: bytes | str, field: list[str] = FIELDS, **options: Any
) -> tuple[list[dict[str, Any]], list[LedgerEntry]]:
    """The records and the ledger of a file of that content."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    out = path.parent.parent / f"out-{path.name}"
    convert(Custom(data=path, field=field, **options), out)
    assert verify(out).problems == []
    return [r.model_dump() for r in open_shards(out).records()], list(select_entries(out))


ROW = {"image": "a.png", "question": "Which colour?", "answer": "red"}
LINE = json.dumps(ROW)
FORMATS = {
    "data.json": json.dumps([ROW]),
    "rows.json": json.dumps({"info": {"year": 2020}, "tags": ["x"], "rows": [ROW]}),
    "lines.json": f"{LINE}\n{LINE}\n",
    "data.jsonl": f"\n{LINE}\r\n\n",
    "data.csv": 'image,question,answer\na.png,"Which colour?",red\n',
    "data.tsv": "image\tquestion\tanswer\na.png\tWhich colour?\tred\n",
    "semicolon.csv": "image;question;answer\r\na.png;Which colour?;red\r\n",
    "data.txt": "image\tquestion\tanswer\na.png\tWhich colour?\tred",
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("name", FORMATS)
def test_format_is_told_from_name_and_content(name: str, packed: bool, raw: Path) -> None:
    content = FORMATS[name].encode()
    records, _ = converted(raw / name, gzip.compress(content) if packed else content)
    first = records[0]
    assert (first["text"], first["answer"]) == ("Which colour?", "red")
    assert first["image_path"] == "a.png"


def test_byte_order_mark_is_no_part_of_the_first_column(raw: Path) -> None:
    records, _ = converted(raw / "data.csv", "\ufeff" + FORMATS["data.csv"])
    assert records[0]["image_path"] == "a.png"


def test_quoted_cells_hold_delimiters_quotes_and_line_breaks(raw: Path) -> None:
    content = 'image,question,answer\na.png,"Is it ""red"",\nor not?",red\nb.png,Why?,so\n'
    records, _ = converted(raw / "data.csv", content)
    assert [record["text"] for record in records] == ['Is it "red",\nor not?', "Why?"]


@pytest.mark.parametrize(
    ("cell", "more"),
    [('"[""yes"", ""no"", ""yes""]"', {}), ("\"['yes', 'no', 'yes']\"", {}), ("yes|no|yes", "|")],
    ids=["json", "python", "separator"],
)
def test_a_cell_may_spell_a_list(cell: str, more: Any, raw: Path) -> None:
    mapped = raw / "map.yaml"
    answers = "{path: answer, separator: '|'}" if more else "answer"
    mapped.write_text(f"image: image\nquestion: question\nanswers: {answers}\n")
    content = f"image,question,answer\na.png,Is it?,{cell}\n"
    records, _ = converted(raw / "data.csv", content, [], map=mapped)
    assert [answer["answer"] for answer in records[0]["answers"]] == ["yes", "no", "yes"]
    assert records[0]["answer"] == "yes"


def test_flags_win_over_the_map_and_name_deep_fields(raw: Path) -> None:
    mapped = raw / "map.yaml"
    mapped.write_text("image: nowhere\nquestion: q.text\nanswer: a.0\nsplit: {constant: val}\n")
    content = json.dumps([{"pic": {"f.n": "b.png"}, "q": {"text": "Why?", "l": "en"}, "a": ["x"]}])
    field, constant = [r"image=pic.f\.n"], ["split=dev", "licence=MIT"]
    records, _ = converted(raw / "data.json", content, field, map=mapped, constant=constant)
    (record,) = records
    assert record["image_path"] == "b.png"
    assert (record["split"], record["licence"], record["answer"]) == ("dev", "MIT", "x")
    assert json.loads(record["extra"]) == {"a": ["x"], "q": {"l": "en"}}


def test_template_makes_a_file_name_of_an_id(raw: Path) -> None:
    (raw / "COCO_000000000042.png").write_bytes(encoded())
    mapped = raw / "map.yaml"
    mapped.write_text(
        'image: {path: id, template: "COCO_{:012}.png"}\nquestion: q\nanswer: a\nimage_id: id\n'
    )
    records, _ = converted(raw / "d.json", '[{"id": 42, "q": "Why?", "a": 1.50}]', [], map=mapped)
    assert records[0]["image_path"] == "COCO_000000000042.png"
    assert (records[0]["image_id"], records[0]["answer"]) == ("42", "1.5")


CHOICES = ["image=image", "question=question", "choices=A", "choices=B", "correct_choice=right"]


@pytest.mark.parametrize(("right", "index"), [("B", 1), ("0", 0), ("blue", 1)])
def test_choices_side_by_side_and_the_right_one(right: str, index: int, raw: Path) -> None:
    content = f"image,question,A,B,right\na.png,Which?,red,blue,{right}\n"
    records, _ = converted(raw / "data.csv", content, CHOICES)
    assert records[0]["choices"] == ["red", "blue"]
    assert records[0]["correct_choice"] == index
    assert records[0]["answer"] == ["red", "blue"][index]


@pytest.mark.parametrize(
    ("right", "index"), [("1", 0), ("2", 1), ("B", 1), ("blue", 1), ("0", None), ("3", None)]
)
def test_numbers_of_choices_may_count_from_1(right: str, index: int | None, raw: Path) -> None:
    content = f"image,question,A,B,right\na.png,Which?,red,blue,{right}\n"
    records, entries = converted(raw / "data.csv", content, CHOICES, constant=["first_choice=1"])
    assert [record["correct_choice"] for record in records] == [index][: index is not None]
    assert [entry.expected for entry in entries] == ["1 to 2"][: index is None]


BROKEN_ROWS = {
    "field count": ("b.png,Two,many,fields", "wrong-field-count", "line 3"),
    "stray quote": ('b.png,"no end,x', "malformed-quotes", "line 3"),
    "not utf-8": (b"b.png,\xff,x", "invalid-utf8", "line 3"),
    "no question": ("b.png,,x", "missing-field", "line 3: question"),
    "no picture": (",Why?,x", "missing-field", "line 3: image"),
    "path": ("../../etc/passwd,Why?,x", "path-outside-root", "image_path"),
}


@pytest.mark.parametrize("what", BROKEN_ROWS)
def test_a_broken_row_costs_only_itself(what: str, raw: Path) -> None:
    row, reason, place = BROKEN_ROWS[what]
    good = b"a.png,Which colour?,red\n"
    row = row.encode() if isinstance(row, str) else row
    content = b"image,question,answer\n" + good + row + b"\n" + good
    records, entries = converted(raw / "data.csv", content)
    assert len(records) == 2
    (entry,) = entries
    assert (entry.action, entry.reason, entry.path, entry.index) == (
        "quarantined", reason, place, 1,
    )  # fmt: skip


BROKEN_JSON = {
    "[1].question": '{"image": "a.png", "question": 5, "answer": "x"}',
    "[1].answer": '{"image": "a.png", "question": "Why?", "answer": true}',
    "[1].image": '{"image": {"x": 1}, "question": "Why?", "answer": "x"}',
    "[1]": '{"image": "a.png", "question": "Why?, "answer": "x"}',
}


@pytest.mark.parametrize("place", BROKEN_JSON)
def test_a_wrong_value_is_named(place: str, raw: Path) -> None:
    records, entries = converted(raw / "data.json", f"[{LINE}, {BROKEN_JSON[place]}, {LINE}]")
    assert len(records) == 2
    assert [(entry.action, entry.path) for entry in entries] == [("quarantined", place)]


ODD_JSON = {
    "a key twice": ('{"image": "a.png", "image": "b.png", "question": "Why?"}', "duplicate-key"),
    "a key twice inside": (
        '{"image": "a.png", "question": "a: b?", "answer": "x", "y": {"k": 1, "k": "\\u003a"}}',
        "duplicate-key",
    ),
    "not a number": ('{"image": "a.png", "question": "Why?", "answer": NaN}', "malformed-json"),
    "infinity": ('{"image": "a.png", "question": "Why?", "answer": -Infinity}', "malformed-json"),
    "beyond a double": ('{"image": "a.png", "question": "Why?", "answer": 1e999}',
                        "malformed-json"),
    "a long number": (f'{{"image": "a.png", "question": "Why?", "answer": {"9" * 5000}}}',
                      "malformed-json"),
    "half a pair": ('{"image": "a.png", "question": "Why \\ud800?", "answer": "x"}',
                    "malformed-json"),
    "a NUL": ('{"image": "a.png", "question": "Why\0?", "answer": "x"}', "malformed-json"),
    "deep": (f'{{"image": "a.png", "question": "Why?", "answer": {"[" * 10**4}{"]" * 10**4}}}',
             "malformed-json"),
    "no object": ("[1, 2]", "wrong-type"),
}  # fmt: skip


@pytest.mark.parametrize("name", ["data.json", "data.jsonl", "rows.json"])
@pytest.mark.parametrize("what", ODD_JSON)
def test_an_odd_record_costs_only_itself(what: str, name: str, raw: Path) -> None:
    odd, reason = ODD_JSON[what]
    content = f"{LINE}\n{odd}\n{LINE}\n"
    if name != "data.jsonl":
        content = f"[{LINE}, {odd}, {LINE}]"
    if name == "rows.json":
        content = f'{{"rows": {content}, "note": "x: y"}}'
    records, entries = converted(raw / name, content)
    assert [record["origin"]["index"] for record in records] == [0, 2]
    assert [(entry.reason, entry.index) for entry in entries] == [(reason, 1)]


@pytest.mark.parametrize("word", ["NaN", "-Infinity", "None", "'red'"])
def test_a_word_that_is_no_json_is_shown(word: str, raw: Path) -> None:
    record = f'{{"image": "a.png", "question": "Why?", "answer": {word}}}'
    _, entries = converted(raw / "data.json", f"[{LINE}, {record}]")
    assert [(entry.reason, entry.found) for entry in entries] == [
        ("malformed-json", f"{word} at byte {record.index(word)}")
    ]


def test_several_files_are_read_and_a_picture_may_stand_in_the_text(raw: Path) -> None:
    import base64

    shown = f"data:image/png;base64,{base64.b64encode(encoded('teal')).decode()}"
    (raw / "train.json").write_text(json.dumps([ROW | {"id": 1}, ROW | {"id": 1}]))
    (raw / "val.csv").write_text(f'image,question,answer,id\n"{shown}",Why?,so,1\n')
    out = raw.parent / "out"
    convert(
        Custom(data=[raw / "train.json", raw / "val.csv"], field=[*FIELDS, "question_id=id"]), out
    )
    records = {record.question_id: record for record in open_shards(out).records()}
    assert {key: record.split for key, record in records.items()} == {"1": "train", "val-1": "val"}
    assert [entry.reason for entry in select_entries(out)] == ["duplicate-question-id"]
    assert verify(out).problems == []


FAILING = {
    "cut.csv": (b"image,question,answer\na.png,Why?,x\nb.png,Wh", "byte 35: the last row breaks"),
    "cut.jsonl": (f'{LINE}\n{{"image": "a', f"byte {len(LINE) + 1}: the last line breaks off"),
    "cut.json": (f"[{LINE}, {LINE[:20]}", f"byte {len(LINE) + 3}: the file ends inside this"),
    "empty.csv": (b"", "an empty file"),
    "empty.jsonl": (b"", "an empty file"),
    "blank.json": (b" \n\n\t", "an empty file"),
    "glued.json": (f"[{LINE}][{LINE}]", "behind the document"),
    "tail.json": (f"[{LINE}]" + "\0" * 9, "behind the document"),
    "same.json": (f'{{"rows": [{LINE}], "rows": [{LINE}]}}', "'rows' stands there several times"),
    "cut.jsonl.gz": (gzip.compress(f"{LINE}\n".encode() * 99)[:-9], "damaged gzip: it ends too"),
    "twice.csv": (b"image,image\n", "several columns called 'image'"),
    "two.json": (json.dumps({"a": [ROW], "b": [ROW]}), "several lists: a, b"),
    "none.json": (json.dumps({"data": {"rows": [ROW]}}), "Name the list with --records"),
    "other.json": (json.dumps([{"picture": 1}]), "no record of other.json has 'image'"),
    "page.html": (b"<html></html>", "expected JSON, JSON lines, CSV or TSV"),
}


@pytest.mark.parametrize("name", FAILING)
def test_an_unusable_file_is_one_error_and_no_folder(name: str, raw: Path) -> None:
    content, said = FAILING[name]
    with pytest.raises(VqaDataError) as error:
        converted(raw / name, content)
    assert said in str(error.value)
    assert not list(raw.parent.glob("out-*/manifest.json"))


@pytest.mark.parametrize("name", ["cut.csv", "cut.jsonl", "cut.json"])
def test_a_cut_file_gives_its_whole_rows_on_request(name: str, raw: Path) -> None:
    records, _ = converted(raw / name, FAILING[name][0], keep_whole_records=True)
    assert len(records) == 1


def test_records_may_lie_deep_in_a_document(raw: Path) -> None:
    content = json.dumps({"a": [ROW], "data": {"rows": [ROW, ROW]}})
    records, _ = converted(raw / "data.json", content, records="data.rows")
    assert len(records) == 2
    with pytest.raises(VqaDataError, match="keys: rows; expected the key 'row'"):
        converted(raw / "other.json", content, records="data.row")


MAPS = {
    "answr: a": "Did you mean answer?",
    "image: a": "question is not mapped",
    "image: a\nquestion: [b, c]": "one path",
    "image: a\nquestion: {template: x}": "a path, or {constant: VALUE}",
    "image: {path: a, template: '{x}'}\nquestion: b": "text with one {}",
    "image: a\nquestion: b\ncorrect_choice: c": "choices is not mapped",
    "image: a\nfirst_choice: {constant: 2}": "found 2; expected a constant, 0 or 1",
    "image: a\nfirst_choice: b": "found 'b'; expected a constant, 0 or 1",
    "- image": "names with paths",
    "image: [": "not YAML",
}


@pytest.mark.parametrize("text", MAPS)
def test_a_wrong_map_is_explained(text: str, raw: Path) -> None:
    (raw / "map.yaml").write_text(text)
    with pytest.raises(OptionError) as error:
        converted(raw / "data.json", "[]", [], map=raw / "map.yaml")
    assert MAPS[text] in str(error.value)
    assert "map.yaml" in str(error.value)


def test_misspelt_field_is_told_with_the_nearest(raw: Path) -> None:
    with pytest.raises(OptionError, match="Did you mean 'answer'"):
        converted(raw / "d.json", f"[{LINE}]", [*FIELDS[:2], "answer=anwser"])


def test_rows_without_answers_are_dropped_but_a_test_split_is_kept(raw: Path) -> None:
    bare = {"image": "a.png", "question": "Why?", "answer": None}
    _, entries = converted(raw / "data.json", json.dumps([ROW, bare]))
    assert [entry.reason for entry in entries] == ["question-without-answers"]
    records, entries = converted(raw / "test.json", json.dumps([bare]))
    assert (records[0]["answer"], entries) == (None, [])


REAL = [
    ("vqa_rad", "testset.json", "vqa-rad", 451),
    ("slake", "validate.json", "slake", 2_099),
    ("aokvqa", "aokvqa_v1p0_val_first300.json", "a-okvqa", 300),
    ("aokvqa", "aokvqa_v1p0_test.json", "a-okvqa", 6_702),
]


@pytest.mark.parametrize(("folder", "file", "field_map", "rows"), REAL)
def test_shipped_maps_fit_the_real_files(
    folder: str,
    file: str,
    field_map: str,
    rows: int,
    real_data: Callable[[str], Path],
    tmp_path: Path,
) -> None:
    options = {"map": FIELD_MAPS / f"{field_map}.yaml", "missing_pictures": "keep"}
    out = tmp_path / "out"
    manifest: Manifest = convert(Custom(data=real_data(folder) / file, **options), out)
    assert [(entry.seen, entry.kept) for entry in manifest.balance] == [(rows, rows)]
    assert verify(out).problems == []


def test_a_damaged_record_that_ends_in_a_list_costs_only_itself(raw: Path) -> None:
    rows = [{**ROW, "boxes": [{"w": number}]} for number in range(4)]
    text = json.dumps(rows).replace('{"w": 1}', '{"w": NaN}')
    records, (entry,) = converted(raw / "data.json", text)
    assert [record["origin"]["index"] for record in records] == [0, 2, 3]
    assert (entry.reason, entry.path, entry.index) == ("malformed-json", "[1]", 1)
