"""Medical data sets: what their files do that others do not, on real files and on small ones."""

from __future__ import annotations

import json
import pickle
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import encoded
from tests.contract import fixture_of, outcome
from vqadata import VqaDataError, convert, verify
from vqadata.converting.recognition import recognise
from vqadata.sources.pathvqa import PathVqa
from vqadata.sources.slake import Slake
from vqadata.sources.vqa_med import VqaMed
from vqadata.sources.vqa_rad import VqaRad
from vqadata.steps import Source

RealData = Callable[[str], Path]


def converted(source: Source, out: Path) -> dict[str, Any]:
    """The records, the ledger and the account, which adds up."""
    convert(source, out)
    assert verify(out).problems == []
    return outcome(out)


def balance(result: dict[str, Any]) -> list[tuple[int, int, dict[str, int], dict[str, int]]]:
    return [(b["seen"], b["kept"], b["dropped"], b["quarantined"]) for b in result["balance"]]


def test_vqa_rad_with_all_its_pictures(real_data: RealData, tmp_path: Path) -> None:
    result = converted(VqaRad(data=real_data("vqa_rad") / "testset.json"), tmp_path / "out")
    assert balance(result) == [(451, 451, {}, {})]
    assert len({record["image_path"] for record in result["records"]}) == 203
    assert {record["split"] for record in result["records"]} == {"test"}
    types = Counter(record["question_type"] for record in result["records"])
    assert types["PRES"] == 163
    assert types["POS, PRES"] == 2


def test_vqa_rad_is_told_beside_its_pictures(real_data: RealData) -> None:
    assert recognise(real_data("vqa_rad")).source is VqaRad


RAD = {"qid": 1, "image_name": "a.png", "image_organ": "HEAD", "question": "Is it?", "answer": "no"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.png").write_bytes(encoded("gray"))
    return raw


def test_vqa_rad_as_json_lines_and_as_csv(folder: Path, tmp_path: Path) -> None:
    lines = folder / "testset.jsonl"
    lines.write_text("\n".join(json.dumps({**RAD, "qid": f"q{n}"}) for n in range(3)))
    table = folder / "trainset.csv"
    table.write_text(f"{','.join(RAD)}\n{','.join(map(str, RAD.values()))}\n")
    assert recognise(folder).options == {"data": [lines, table]}
    result = converted(VqaRad(data=[lines, table]), tmp_path / "out")
    assert balance(result) == [(3, 3, {}, {}), (1, 1, {}, {})]
    assert Counter(r["split"] for r in result["records"]) == {"test": 3, "train": 1}


def test_vqa_rad_keeps_integers_and_trims_types(folder: Path, tmp_path: Path) -> None:
    row = RAD | {"answer": 4, "answer_type": "CLOSED ", "question_type": ["PRES", "POS"]}
    (folder / "trainset.json").write_text(json.dumps([row]))
    (record,) = converted(VqaRad(data=folder), tmp_path / "out")["records"]
    assert (record["answer"], record["answers"][0]["raw_answer"]) == ("4", "4")
    assert record["answer_type"] == "CLOSED"
    assert record["question_type"] == "PRES, POS"
    assert json.loads(record["extra"])["answer_type"] == "CLOSED "


def test_slake_without_its_pictures(real_data: RealData, tmp_path: Path) -> None:
    file = real_data("slake") / "validate.json"
    result = converted(Slake(data=file, missing_pictures="keep"), tmp_path / "out")
    assert balance(result) == [(2_099, 2_099, {}, {})]
    assert {record["split"] for record in result["records"]} == {"val"}
    extras = [json.loads(record["extra"]) for record in result["records"]]
    assert Counter(extra["q_lang"] for extra in extras) == {"en": 1_053, "zh": 1_046}
    assert Counter(extra["base_type"] for extra in extras) == {"vqa": 1_800, "kvqa": 299}
    english = Slake(data=file, missing_pictures="keep", language="en")
    left = balance(converted(english, tmp_path / "english"))
    assert left == [(2_099, 1_053, {"other-language": 1_046}, {})]


def test_slake_pictures_in_one_flat_folder_are_not_mixed_up(
    real_data: RealData, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    (flat / "source.jpg").write_bytes(encoded("gray", kind="JPEG"))
    source = Slake(data=real_data("slake") / "validate.json", image_root=[flat])
    assert balance(converted(source, tmp_path / "out")) == [
        (2_099, 0, {}, {"ambiguous-picture": 2_099})
    ]


def test_slake_is_told_and_finds_its_pictures(folder: Path, tmp_path: Path) -> None:
    for name in ("xmlab0", "xmlab1"):
        (folder / "imgs" / name).mkdir(parents=True)
        (folder / "imgs" / name / "source.jpg").write_bytes(
            encoded(size=(9, len(name)), kind="JPEG")
        )
    rows = [
        {"qid": n, "img_name": f"xmlab{n}/source.jpg", "question": "?", "answer": 1, "q_lang": "en"}
        for n in range(2)
    ]
    (folder / "test.json").write_text(json.dumps(rows))
    told = recognise(folder)
    assert told.source is Slake
    result = converted(Slake(**told.options), tmp_path / "out")
    assert balance(result) == [(2, 2, {}, {})]


def test_pathvqa_exports_are_told_by_the_names_of_pictures() -> None:
    told = recognise(fixture_of("pathvqa"))
    assert told.source is PathVqa
    assert [path.name for path in told.options["data"]] == ["train_qa.json", "val_qa.csv"]


def test_pathvqa_pickles_are_refused_with_the_way_out(folder: Path, tmp_path: Path) -> None:
    rows = [{"image": "train_0001", "question": "What is it?", "answer": "a cell"}]
    (folder / "train_0001.png").write_bytes(encoded("pink"))
    (folder / "qas").mkdir()
    file = folder / "qas" / "train_qa.pkl"
    file.write_bytes(pickle.dumps(rows))
    told = recognise(folder)
    for options in (told.options, {"data": folder}, {"data": file}):
        with pytest.raises(VqaDataError, match="any code") as refused:
            convert(PathVqa(**options), tmp_path / "out")
    command = refused.value.remedy.partition("python -c ")[2]
    subprocess.run(shlex.split(f"{sys.executable} -c {command}"), cwd=file.parent, check=True)
    exported = PathVqa(data=file.with_suffix(".json"), image_root=[folder])
    assert balance(converted(exported, tmp_path / "exported")) == [(1, 1, {}, {})]


def test_other_pickles_are_named_as_what_they_are(folder: Path) -> None:
    (folder / "weights.pkl").write_bytes(pickle.dumps([1]))
    with pytest.raises(VqaDataError, match=r"weights\.pkl is a Python pickle"):
        recognise(folder)


def med(folder: Path, name: str, *lines: str) -> Path:
    (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / name


def test_vqa_med_reads_all_of_a_folder_once() -> None:
    told = recognise(fixture_of("vqa_med"))
    assert told.source is VqaMed
    names = [path.name for path in told.options["data"]]
    assert "All_QA_Pairs_train.txt" not in names
    assert sorted(names) == [path.name for path in VqaMed(data=fixture_of("vqa_med")).input_files()]


def test_vqa_med_pairs_are_read_where_they_stand_alone(folder: Path, tmp_path: Path) -> None:
    med(folder, "All_QA_Pairs_train.txt", "a|is it a lung?|yes", "a|which organ is it?|lung")
    med(folder, "train_ImageIDs.txt", "a")
    result = converted(VqaMed(data=folder, image_root=[folder]), tmp_path / "out")
    assert [b["file"] for b in result["balance"]] == ["All_QA_Pairs_train.txt"]
    assert [record["answer"] for record in result["records"]] == ["yes", "lung"]


def test_vqa_med_reference_answers_alone_are_refused(folder: Path, tmp_path: Path) -> None:
    answers = med(folder, "Test-ReferenceAnswers.txt", "a|no", "a|acute appendicitis|appendicitis")
    with pytest.raises(VqaDataError, match="join -t"):
        convert(VqaMed(data=answers), tmp_path / "out")
    with pytest.raises(VqaDataError, match="no known layout"):
        recognise(folder)
