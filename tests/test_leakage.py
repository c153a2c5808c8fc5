"""The cleaner ``leakage``: between splits, against other data sets, by every kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import ImageOps

from tests.pictures import Asked, cropped, data_set, jpeg, scene, with_another_thing
from vqadata.cleaners.leakage import Leakage
from vqadata.cleaning.cleaning import clean
from vqadata.cleaning.leaks import Leaks, Shown
from vqadata.cleaning.picture_ids import SharedIds, known_ids
from vqadata.ledger import select_entries
from vqadata.shards.reader import open_shards
from vqadata.shards.verify import verify

A, B = scene(1), scene(2)


def cleaned(folder: Path, files: dict[str, bytes], asked: list[Asked], **options: Any) -> list[str]:
    """What was said of the rows, as ``id action reason``."""
    shards = data_set(folder / "raw", files, asked)
    clean(shards, folder / "clean", [Leakage(**options)])
    assert verify(folder / "clean").problems == []
    entries = select_entries(folder / "clean")
    return [f"{e.question_id} {e.action} {e.reason}" for e in entries]


def matrix(folder: Path) -> list[dict[str, Any]]:
    return json.loads((folder / "clean" / "evidence" / "leakage" / "matrix.json").read_text())


def test_a_picture_of_two_splits_leaks_from_the_one_that_is_trained_on(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "test/b.jpg": jpeg(A), "train/c.jpg": jpeg(B)}
    asked = [("train/a.jpg", "What?", "a disc"), ("train/c.jpg", "What?", "a box"),
             ("test/b.jpg", "How many?", "6")]  # fmt: skip
    assert cleaned(tmp_path, files, asked) == ["0 flagged leak-bytes"]
    (entry,) = matrix(tmp_path)
    assert (entry["from"], entry["to"], entry["leak-bytes"], entry["rows"]) == (
        "train",
        "test",
        1,
        1,
    )


def test_edits_and_mirror_images_leak(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(cropped(A)), "train/b.jpg": jpeg(ImageOps.mirror(B)),
             "train/c.jpg": jpeg(with_another_thing(B)),
             "val/a.jpg": jpeg(A), "val/b.jpg": jpeg(B)}  # fmt: skip
    said = cleaned(tmp_path, files, [(name, f"Of {name}?", "yes") for name in files])
    assert said == ["0 flagged leak-pixels", "1 flagged leak-pixels"]
    evidence = [e.evidence for e in select_entries(tmp_path / "clean")]
    assert "val has val/a.jpg, certainly the same picture: this one is cropped by" in str(
        evidence[0]
    )
    assert "mirrored" in str(evidence[1])


def test_questions_and_answers_are_kinds_of_their_own(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "test/a.jpg": jpeg(A)}
    asked = [("train/a.jpg", "Is it red?", "yes"), ("train/a.jpg", "How many?", "2"),
             ("test/a.jpg", "is it red", "Yes"), ("test/a.jpg", "How many?", "3")]  # fmt: skip
    assert cleaned(tmp_path, files, asked) == [
        "0 flagged leak-answer", "1 flagged leak-question",
        "0 flagged leak-bytes", "1 flagged leak-bytes",
    ]  # fmt: skip
    (entry,) = matrix(tmp_path)
    assert (entry["leak-question"], entry["leak-answer"], entry["leak-text"]) == (1, 1, 1)


def test_dropping_leaves_splits_that_share_nothing(tmp_path: Path) -> None:
    files = {
        "train/a.jpg": jpeg(A),
        "train/b.jpg": jpeg(B),
        "val/a.jpg": jpeg(A.resize((200, 150))),
    }
    asked = [(name, f"Of {name}?", "yes") for name in files]
    assert cleaned(tmp_path, files, asked, leaks="drop") == ["0 dropped leak-pixels"]
    assert open_shards(tmp_path / "clean").manifest.splits == {"train": 1, "val": 1}
    clean(tmp_path / "clean", tmp_path / "again" / "clean", [Leakage()])
    assert matrix(tmp_path / "again") == []


def test_another_data_set_is_never_touched(tmp_path: Path) -> None:
    other = data_set(tmp_path / "eval", {"x.jpg": jpeg(A)}, [("x.jpg", "What?", "a disc")])
    before = open_shards(other).digest
    files = {"a.jpg": jpeg(cropped(A)), "b.jpg": jpeg(B)}
    asked = [("a.jpg", "What?", "a disc"), ("b.jpg", "What?", "a box")]
    said = cleaned(tmp_path, files, asked, against=[other], leaks="drop")
    assert said == ["0 dropped leak-answer"]
    assert open_shards(other).digest == before
    assert not list((tmp_path / "clean").glob("beside-*"))
    (entry,) = matrix(tmp_path)
    assert (entry["set"], entry["to"], entry["leak-pixels"]) == ("shards", "train", 1)


def test_coco_names_of_both_releases_are_one_picture(tmp_path: Path) -> None:
    files = {"train/COCO_train2014_000000000042.jpg": jpeg(A), "val/000000000042.jpg": jpeg(B)}
    asked = [(name, "What?", "a disc") for name in files]
    assert cleaned(tmp_path, files, asked)[0] == "0 flagged leak-answer"
    (entry,) = matrix(tmp_path)
    assert (entry["leak-id"], entry["leak-bytes"]) == (1, 0)


def test_visual_genome_knows_its_coco_pictures() -> None:
    question = {"origin": {"source": "gqa"}, "image_id": "2335839", "extra": None}
    assert known_ids("2335839.jpg", question) == {"visual-genome 2335839"}
    assert known_ids("n12.jpg", question | {"image_id": "n12"}) == set()
    told = question | {"extra": '{"coco_id": 42}'}
    assert known_ids("2335839.jpg", told) == {"visual-genome 2335839", "coco 42"}


def test_an_id_is_shared_by_different_pictures_alone() -> None:
    ids = SharedIds()
    ids.add([("coco 1", "a"), ("coco 2", "b"), ("coco 1", "a")])
    ids.add([])
    assert ids.shared == set()
    ids.add([("coco 2", "b"), ("coco 1", "c")])
    assert ids.shared == {"coco 1"}


def test_questions_of_pictures_that_do_not_leak_are_not_held(tmp_path: Path) -> None:
    files = {"train/a.jpg": jpeg(A), "train/b.jpg": jpeg(B), "val/a.jpg": jpeg(A)}
    data = data_set(tmp_path, files, [(name, "What?", "a disc") for name in files])
    shown, batches = Shown(), list(open_shards(data).batches())
    shown.add(0, "", batches)
    leaking = Leaks(shown, {}).leaking
    shown.listen(0, "", batches, leaking)
    assert len(leaking) == 1
    assert shown.places.keys() == leaking
    assert {(digest, place.split) for digest, place, _ in shown.asked} == {
        (*leaking, "train"), (*leaking, "val")
    }  # fmt: skip
    assert {place.split: count for place, count in shown.rows.items()} == {"train": 2, "val": 1}


def test_one_split_alone_has_no_leaks(tmp_path: Path) -> None:
    files = {"a.jpg": jpeg(A), "b.jpg": jpeg(A)}
    assert cleaned(tmp_path, files, [(name, "What?", "a disc") for name in files]) == []
