"""Files in no known layout are read where names and values tell which field is which."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from vqadata import convert, open_shards
from vqadata.converting.recognition import recognise
from vqadata.errors import VqaDataError
from vqadata.record import Record

ASKED = [("What is this?", "a cat"), ("Which color is the car?", "red"), ("Is it day?", "no")]


def picture(number: int) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def pictures_in(folder: Path, first: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(len(ASKED)):
        (folder / f"{number}.png").write_bytes(picture(first + number))


def rows_of(**fields: Callable[[int], Any]) -> list[dict[str, Any]]:
    return [{name: make(n) for name, make in fields.items()} for n in range(len(ASKED))]


def question(number: int) -> str:
    return ASKED[number][0]


def answer(number: int) -> str:
    return ASKED[number][1]


def name(number: int) -> str:
    return f"{number}.png"


def bare(number: int) -> str:
    return base64.b64encode(picture(number)).decode()


def converted(path: Path, out: Path) -> list[Record]:
    told = recognise(path)
    root = [path] if path.is_dir() else []
    convert(told.source.model_validate({"image_root": root, **told.options}), out)
    return sorted(open_shards(out).records(), key=lambda record: record.question_id)


LISTS: dict[str, list[dict[str, Any]]] = {
    "plain": rows_of(image=name, question=question, answer=answer),
    "other words": rows_of(img=name, query=question, label=answer),
    "LAVIS": rows_of(image=name, question=question, answer=lambda n: [answer(n)] * 10),
    "Python API of datasets": rows_of(file_name=name, question=question, answer=answer),
    "base64": rows_of(image=bare, question=question, answer=answer),
    "data URI": rows_of(
        img=lambda n: f"data:image/png;base64,{bare(n)}", question=question, answer=answer
    ),
    "base64 in a list": rows_of(
        image_base64_str=lambda n: [bare(n)], inputs=question, outputs=answer
    ),
    "base64 for URLs": rows_of(
        image_base64=lambda n: base64.urlsafe_b64encode(picture(n)).decode().rstrip("="),
        question=question,
        answer=answer,
    ),
}


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("lines", [False, True])
def test_lists_with_picture_question_and_answer(kind: str, lines: bool, tmp_path: Path) -> None:
    rows = LISTS[kind]
    pictures_in(tmp_path / "raw")
    path = tmp_path / "raw" / ("d.jsonl" if lines else "d.json")
    path.write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    records = converted(path, tmp_path / "out")
    assert [(record.text, record.answer) for record in records] == ASKED
    assert open_shards(tmp_path / "out").manifest.pictures == len(ASKED)


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_the_metadata_of_picture_folders_means_the_pictures_beside_it(
    delimiter: str, tmp_path: Path
) -> None:
    for first, split in enumerate(("train", "test")):
        pictures_in(tmp_path / "raw" / split, 10 * first)
        suffix = "csv" if delimiter == "," else "tsv"
        with (tmp_path / "raw" / split / f"metadata.{suffix}").open("w", newline="") as file:
            rows = rows_of(file_name=name, question=question, answer=answer)
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    records = converted(tmp_path / "raw", tmp_path / "out")
    assert {record.image_path for record in records} == {
        f"{split}/{number}.png" for split in ("train", "test") for number in range(len(ASKED))
    }
    assert {record.split for record in records} == {"train", "test"}


def test_files_named_one_by_one_have_their_own_pictures_too(tmp_path: Path) -> None:
    from vqadata.sources.custom import Custom

    files = []
    for first, split in enumerate(("train", "test")):
        pictures_in(tmp_path / split, 10 * first)
        files.append(tmp_path / split / "metadata.json")
        files[-1].write_text(json.dumps(LISTS["Python API of datasets"]))
    fields = ["image=file_name", "question=question", "answer=answer"]
    convert(Custom(data=files, field=fields), tmp_path / "out")
    assert open_shards(tmp_path / "out").manifest.pictures == 2 * len(ASKED)


def test_choices_and_base64_of_a_benchmark_in_tsv(tmp_path: Path) -> None:
    rows = rows_of(
        index=lambda n: n, question=question, A=lambda _: "x", B=answer, answer=lambda _: "B",
        image=bare,
    )  # fmt: skip
    path = tmp_path / "MMBench_DEV.tsv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    records = converted(path, tmp_path / "out")
    assert [(record.answer, record.correct_choice) for record in records] == [
        (given, 1) for _, given in ASKED
    ]


def test_preferences_keep_the_worse_answer(tmp_path: Path) -> None:
    pictures_in(tmp_path)
    rows = rows_of(image=name, question=question, chosen=answer, rejected=lambda _: "[a bus]")
    (tmp_path / "d.json").write_text(json.dumps(rows))
    records = converted(tmp_path / "d.json", tmp_path / "out")
    assert [(record.answer, record.rejected) for record in records] == [
        (given, ["[a bus]"]) for _, given in ASKED
    ]


@pytest.mark.parametrize("better", ["completion", "chosen"])
def test_prompts_of_trl_in_parquet(better: str, tmp_path: Path) -> None:
    rows = rows_of(
        images=lambda n: [{"bytes": picture(n), "path": None}],
        prompt=lambda n: [{"role": "user", "content": question(n)}],
        **{better: lambda n: [{"role": "assistant", "content": answer(n)}]},
        rejected=lambda _: [{"role": "assistant", "content": "a bus"}],
    )
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "d.parquet")
    records = converted(tmp_path / "d.parquet", tmp_path / "out")
    assert [(r.text, r.answer, r.rejected) for r in records] == [(*a, ["a bus"]) for a in ASKED]


def test_what_is_not_plain_is_said_with_what_may_be_it(tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    for rows, said in (
        (rows_of(question=question, answer=answer), "a field that is plainly the picture"),
        (rows_of(data_id=name, question=question, answer=answer), "; perhaps data_id"),
        ([], "an empty list"),
    ):
        path.write_text(json.dumps(rows))
        with pytest.raises(VqaDataError, match=said):
            recognise(path)
    (tmp_path / "batch.jsonl").write_text('{"custom_id": "r", "body": {"messages": []}}\n' * 2)
    with pytest.raises(VqaDataError, match="requests for OpenAI's batch API"):
        recognise(tmp_path / "batch.jsonl")


def test_a_vague_name_gives_no_answer_beside_the_field_of_that_name(tmp_path: Path) -> None:
    rows = rows_of(
        image=name, question=question, choices=lambda _: ["x", "y"], answer=lambda _: 1,
        solution=lambda _: "Look at it.",
    )  # fmt: skip
    (tmp_path / "d.json").write_text(json.dumps(rows))
    with pytest.raises(VqaDataError, match="a field that is plainly the answer"):
        recognise(tmp_path / "d.json")
