"""The loader over real shards: its rows, its state, what it refuses, and what damage does to it."""

from __future__ import annotations

import itertools
import json
import pickle
import random
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import VqaFiles
from vqadata import convert, load, open_shards
from vqadata.errors import DamageError, OptionError, ShardError
from vqadata.images.decode import to_rgb
from vqadata.loader.cells import cells_of
from vqadata.loader.loader import Loader
from vqadata.shards.read_options import ReadOptions
from vqadata.sources.coco_vqa import CocoVqa


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 questions about 7 pictures in one shard, 5 of them without an answer in words of all."""
    folder = tmp_path_factory.mktemp("loader")
    files = VqaFiles(folder / "raw", questions=23, pictures=7)
    for number, note in enumerate(files.annotations):
        if number % 5 == 0:
            note["multiple_choice_answer"] = "zwölf"
            note["answers"] = [dict(answer, answer="zwölf") for answer in note["answers"]]
    convert(CocoVqa(**files.write()), folder / "out")
    return folder / "out"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    convert(CocoVqa(**VqaFiles(folder / "raw", 9, 4).write()), folder / "out")
    return folder / "out"


def joined(lists: Iterable[list[int]]) -> list[int]:
    return list(itertools.chain.from_iterable(lists))


def numbers(batches: Any) -> list[list[int]]:
    return [[row["row"] for row in batch] for batch in batches]


def test_rows_are_the_records_with_their_pictures(shards: Path) -> None:
    columns = ["question_id", "text", "answers", "answers.answer", "agreement", "origin", "split"]
    columns += ["placeholders", "correct_choice", "unanswerable", "agreement.entropy"]
    rows = [row for batch in load(shards, shuffle="none", columns=columns) for row in batch]
    opened = open_shards(shards)
    places = opened.questions(["question_id"])["picture_row"].to_pylist()
    for row, record, place in zip(rows, opened.records(), places, strict=True):
        known = record.model_dump()
        assert {n: row[n] for n in columns if "." not in n} == {
            n: known[n] for n in columns if "." not in n
        }
        assert row["answers.answer"] == [answer.answer for answer in record.answers]
        assert [bytes(image) for image in row["images"]] == opened.pictures(place)
        assert row["padding"] is False
    assert rows[0]["text"] == "Question number 0?"


def test_pixels_and_no_pictures(shards: Path) -> None:
    (row,) = next(iter(load(shards, shuffle="none", batch_size=1, images="rgb")))
    data = open_shards(shards).pictures(0)[0]
    assert row["images"][0].tobytes() == to_rgb(data).tobytes()
    (row,) = next(iter(load(shards, batch_size=1, images="rgb", size=8)))
    assert row["images"][0].shape == (8, 8, 3)
    assert "images" not in next(iter(load(shards, images="none")))[0]


def test_a_picture_travels_as_its_address(shards: Path, other: Path) -> None:
    (row,) = next(iter(load(shards, batch_size=1)))
    sent = pickle.dumps(row["images"])
    assert pickle.loads(sent)[0].tobytes() == row["images"][0].tobytes()
    assert (
        pickle.loads(pickle.dumps(row["images"][0][2:6])).tobytes()
        == row["images"][0].tobytes()[2:6]
    )
    row["images"][0].place = row["images"][0].place[0]._replace(folder=other), 0
    sent = pickle.dumps(row["images"])
    with pytest.raises(ShardError, match="changed: digest"):
        pickle.loads(sent)


@pytest.mark.parametrize("shuffle", ["global", "two-level", "none"])
@pytest.mark.parametrize("visit", [0, 1, 2])
def test_each_row_comes_once_an_epoch(shards: Path, shuffle: str, visit: int) -> None:
    loader = load(shards, shuffle=shuffle, visit=visit, batch_size=4)
    first, second = numbers(loader), numbers(loader)
    assert sorted(joined(first)) == sorted(joined(second)) == list(range(23))
    assert [len(batch) for batch in first] == [4, 4, 4, 4, 4, 3]
    assert (first == second) == (shuffle == "none")
    assert loader.epoch == 2


def test_questions_of_a_visit_share_one_picture_object(shards: Path) -> None:
    (batch,) = load(shards, visit=0, batch_size=23, images="rgb")
    assert len({id(row["images"]) for row in batch}) == 7


def test_the_order_depends_on_data_seed_and_epoch_alone(shards: Path, other: Path) -> None:
    assert numbers(load(shards)) == numbers(load(shards)) == numbers(load(shards, threads=2))
    assert numbers(load(shards)) != numbers(load(shards, seed=1))
    three = numbers(load(other, batch_size=9))[0]
    assert three != [row for row in numbers(load(shards, batch_size=23))[0] if row < 9]


def test_rows_are_chosen_by_a_condition_and_by_split(shards: Path) -> None:
    chosen = load(shards, where="answer = 'zwölf'", columns=["answer"])
    assert sorted(joined(numbers(chosen))) == [
        n for n, record in enumerate(open_shards(shards).records()) if record.answer == "zwölf"
    ]
    assert load(shards, split="val2014", where="answer = 'zwölf'", visit=0).rows == chosen.rows
    for options, message in (
        ({"where": "answer = 'x'"}, "no row of"), ({"where": "colour = 1"}, "is no condition"),
        ({"split": "train"}, "one of val2014"), ({"columns": ["answers.x"]}, "no column"),
        ({"size": 8}, "images are encoded"), ({"weights": [1, 2]}, "1 numbers"),
        ({"ranks": 2, "rank": 2}, "rank < ranks"), ({"shufle": "none"}, "no option 'shufle'"),
        ({"batch_size": 0}, "greater than or equal to 1"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=message):
            load(shards, **options)


def test_several_data_sets_are_one(shards: Path, other: Path) -> None:
    rows = joined(numbers(load([shards, other], visit=0)))
    assert sorted(rows) == list(range(32))
    ids = {row["row"]: row["question_id"] for batch in load([shards, other]) for row in batch}
    assert [ids[23 + n] for n in range(9)] == [r.question_id for r in open_shards(other).records()]
    both = load([shards, other], where="answer = 'yes'")
    assert sorted(joined(numbers(both)))[-9:] == list(range(23, 32))


def test_several_data_sets_are_mixed_by_weight(shards: Path, other: Path) -> None:
    mixed = load([shards, other], weights=[1, 3], batch_size=8)
    rows = joined(numbers(mixed))
    assert set(rows) == set(range(32))
    assert 0.15 < sum(row < 23 for row in rows) / len(rows) < 0.35
    again = load([shards, other], weights=[1, 3], batch_size=8)
    again.load_state_dict({**mixed.state_dict(), "index": 16})
    assert joined(numbers(again)) == rows[16:]


def endless(loader: Loader) -> Iterator[list[int]]:
    while True:
        yield from numbers(loader)


@pytest.mark.parametrize("threads", [0, 2])
def test_a_run_continues_behind_the_last_batch(shards: Path, threads: int) -> None:
    straight = endless(load(shards, batch_size=4))
    stopped = load(shards, batch_size=4, threads=threads)
    for batch in stopped:
        assert numbers([batch])[0] == next(straight)
        if stopped.index == 12:
            break
    state = json.loads(json.dumps(stopped.state_dict()))
    resumed = load(shards, batch_size=4)
    resumed.load_state_dict(state)
    assert len(resumed) == 3
    assert numbers(resumed) == [next(straight) for _ in range(3)]
    assert resumed.state_dict()["index"] == 23
    assert numbers(stopped) + numbers(stopped) == numbers(load_at(shards, 12)) + [
        next(straight) for _ in range(6)
    ]


def load_at(shards: Path, index: int) -> Loader:
    loader = load(shards, batch_size=4)
    loader.load_state_dict({**loader.state_dict(), "index": index})
    return loader


def test_a_state_that_comes_too_late_is_refused(shards: Path) -> None:
    loader = load(shards, batch_size=4)
    state = loader.state_dict()
    batches = iter(loader)
    for _ in range(2):  # before the first batch, and after it
        with pytest.raises(OptionError, match="an iteration has begun"):
            loader.load_state_dict(state)
        with pytest.raises(OptionError, match="two iterations at once"):
            iter(loader)
        next(batches)
    del batches
    loader.load_state_dict(state)
    assert loader.index == 0


def test_a_state_of_other_data_or_order_is_refused(shards: Path, other: Path) -> None:
    state = load(shards).state_dict()
    with pytest.raises(OptionError) as refused:
        load(other).load_state_dict(state)
    assert state["digest"] in str(refused.value)
    assert open_shards(other).digest in str(refused.value)
    with pytest.raises(OptionError, match="seed = 0; expected seed = 1"):
        load(shards, seed=1).load_state_dict(state)
    for broken in ({}, {**state, "version": 2}, {**state, "index": -1}, {**state, "index": "x"}):
        with pytest.raises(OptionError):
            load(shards).load_state_dict(broken)


def test_rows_come_over_a_network_just_so(shards: Path, tmp_path: Path) -> None:
    reading = ReadOptions(cache_dir=tmp_path)
    there = load(f"file://{shards}", reading=reading, shuffle="two-level", batch_size=5)
    here = load(shards, shuffle="two-level", batch_size=5)
    for one, other in zip(there, here, strict=True):
        assert pickle.loads(pickle.dumps(one))[0]["images"][0].tobytes() == bytes(
            other[0]["images"][0]
        )
        assert numbers([one]) == numbers([other])


def damaged(shards: Path, folder: Path, inside: bytes = b"") -> Path:
    """A copy with one bit changed beside the pictures, or inside of one."""
    folder.mkdir()
    for file in shards.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (path,) = folder.glob("*.arrow")
    batch = open_shards(shards).manifest.shards[0].batches[0]
    data = bytearray(path.read_bytes())
    data[data.index(inside) + 9 if inside else batch.end - 100] ^= 1
    path.write_bytes(data)
    return folder


def test_damage_is_noticed_before_a_row_is_handed_out(shards: Path, tmp_path: Path) -> None:
    folder = damaged(shards, tmp_path / "damaged")
    for threads in (0, 2):
        with pytest.raises(DamageError, match="batch 0"):
            next(iter(load(folder, threads=threads)))
    assert sum(len(batch) for batch in load(folder, images="none")) == 23
    loader = load(folder, reading=ReadOptions(on_damage="skip"), batch_size=4)
    assert [len(batch) for batch in loader] == [0] * 6


def test_every_byte_of_a_shard_is_checked_in_an_epoch(shards: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(shards, folder)
    (path,) = folder.glob("*.arrow")
    whole, (batch, *_) = path.read_bytes(), open_shards(shards).manifest.shards[0].batches
    places = random.Random(3).sample(range(batch.offset, batch.end), 60)
    for place in [*places, batch.offset + batch.text_length, batch.end - 1]:
        data = bytearray(whole)
        data[place] ^= 1 << place % 8
        path.write_bytes(data)
        with pytest.raises(DamageError, match="damaged"):
            list(load(folder))
    path.write_bytes(whole)
    assert sum(map(len, load(folder))) == sum(map(len, load(shards)))


def test_a_damaged_picture_costs_its_own_questions_alone(shards: Path, tmp_path: Path) -> None:
    good = {row["row"]: bytes(row["images"][0]) for batch in load(shards) for row in batch}
    folder = damaged(shards, tmp_path / "damaged", inside=good[9])
    lost = {row for row, data in good.items() if data == good[9]}
    with pytest.raises(DamageError, match=r"batch 0 \(bytes .*its picture \d has digest"):
        list(load(folder))
    for visit, images in itertools.product((0, 1), ("encoded", "rgb")):
        reading = ReadOptions(on_damage="skip")
        loader = load(folder, reading=reading, visit=visit, shuffle="none", images=images)
        assert {row["row"] for batch in loader for row in batch} == set(good) - lost
        (noted,) = loader.damage
        assert (noted.pictures, noted.questions) == (1, len(lost))
    reading = ReadOptions(on_damage="skip", check="batch")
    assert list(load(folder, reading=reading, batch_size=23)) == [[]]


def test_nothing_heavy_is_imported(shards: Path) -> None:
    import subprocess
    import sys

    columns = ["text", "answer", "answers.answer", "correct_choice", "soft_labels"]
    code = (
        "import sys\nfrom vqadata import load\n"
        f"loader = load({str(shards)!r}, columns={columns!r}, batch_size=4)\n"
        "assert [len(batch) for epoch in range(2) for batch in loader]\n"
        "print([m for m in ('torch', 'polars', 'PIL', 'pyarrow.compute') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("distinct", [3, 200])
def test_columns_give_the_values_of_arrow(distinct: int) -> None:
    import pyarrow as pa

    chance = random.Random(distinct)
    words = ["", "ja", "größer", "二", *(f"word {n}" for n in range(distinct))]
    texts = pa.array([chance.choice(words) for _ in range(300)])
    gaps = pa.array([chance.choice([None, *words]) for _ in range(300)])
    numbers = pa.array([chance.choice([None, 1, 2]) for _ in range(300)])
    cuts = pa.array([0, 0, *sorted(chance.sample(range(1, 300), 58)), 300], pa.int32())
    lists = [pa.ListArray.from_arrays(cuts, part) for part in (texts, gaps, numbers)]
    both = pa.StructArray.from_arrays([*lists, texts[:60]], ["texts", "gaps", "numbers", "text"])
    for array in (texts, gaps, numbers, texts[40:], *lists, lists[0][7:], both):
        cells, expected = cells_of(array), array.to_pylist()
        for first, last in ((0, 1), (5, 6), (3, 11), (0, len(array))):
            assert cells.run(first, last) == expected[first:last]
            assert cells.one(first) == expected[first]
