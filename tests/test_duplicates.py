"""The cleaner ``duplicate`` on near-duplicate pictures: what rows it loses, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.pictures import Asked, cropped, data_set, jpeg, scene, with_another_thing, with_text
from vqadata.cleaners.duplicate import Duplicate
from vqadata.cleaning.cleaning import clean
from vqadata.cleaning.survey import Survey
from vqadata.converting.conversion import convert
from vqadata.ledger import LedgerEntry, select_entries
from vqadata.shards.manifest import FINDINGS
from vqadata.shards.verify import verify
from vqadata.sources.messages import Messages

BIG, SMALL = jpeg(scene(1), 95), jpeg(scene(1).resize((200, 150)), 80)
OTHER, LABELLED = jpeg(scene(2)), jpeg(with_text(scene(1)))


def cleaned(
    folder: Path, files: dict[str, bytes], asked: list[Asked], **options: Any
) -> list[LedgerEntry]:
    shards = data_set(folder / "raw", files, asked)
    clean(shards, folder / "clean", [Duplicate(**options)])
    assert verify(folder / "clean").problems == []
    return list(select_entries(folder / "clean"))


def findings(folder: Path) -> list[dict[str, Any]]:
    return pq.read_table(folder / "clean" / FINDINGS).to_pylist()


def test_a_question_asked_of_an_edit_is_dropped_and_the_best_picture_keeps_it(
    tmp_path: Path,
) -> None:
    pictures = {"a.jpg": SMALL, "b.jpg": BIG, "c.jpg": OTHER}
    asked = [(name, "What is it?", "a disc") for name in pictures]
    (entry,) = cleaned(tmp_path, pictures, [*asked, ("a.jpg", "How many?", "6")])
    assert (entry.question_id, entry.action, entry.reason) == ("0", "dropped", "near-duplicate")
    assert entry.evidence == (
        "same question and answer as question 1, of a picture that is certainly the same as "
        "b.jpg: 62% of the size"
    )


def test_the_findings_hold_the_pair_with_its_edit(tmp_path: Path) -> None:
    cleaned(tmp_path, {"a.jpg": SMALL, "b.jpg": BIG}, [("a.jpg", "A?", "x"), ("b.jpg", "B?", "y")])
    (finding,) = findings(tmp_path)
    assert (finding["code"], finding["severity"], finding["path"]) == (
        "near-duplicate-picture", "info", "a.jpg"
    )  # fmt: skip
    assert '"path":"b.jpg"' in finding["details"].replace(" ", "")
    assert '"size":0.62' in finding["details"].replace(" ", "")


def test_a_picture_like_more_others_than_are_looked_at_is_remarked_on(tmp_path: Path) -> None:
    files = {f"{place:02}.jpg": jpeg(scene(1), 95 - place) for place in range(20)}
    cleaned(tmp_path, files, [(name, "What is it?", "a disc") for name in files])
    said = {f["path"]: f["evidence"] for f in findings(tmp_path) if f["code"] == "not-compared"}
    assert said == {
        f"{place}.jpg": f"{place - 16} pictures with a like hash, beyond the 16 nearest"
        for place in (17, 18, 19)
    }


def test_another_answer_about_an_edit_is_a_conflict(tmp_path: Path) -> None:
    pictures = {"a.jpg": BIG, "b.jpg": SMALL}
    asked = [("a.jpg", "Is it red?", "yes"), ("b.jpg", "is it red", "no")]
    (entry,) = cleaned(tmp_path, pictures, asked)
    assert (entry.question_id, entry.action, entry.reason) == ("1", "flagged", "conflict")
    assert cleaned(tmp_path / "keep", pictures, asked, conflicts="keep") == []
    (entry,) = cleaned(tmp_path / "drop", pictures, asked, conflicts="drop")
    assert entry.action == "dropped"


@pytest.mark.parametrize("near_repeats", ["flag", "drop"])
def test_a_likely_edit_is_dropped_only_when_asked(near_repeats: str, tmp_path: Path) -> None:
    pictures = {"a.jpg": BIG, "b.jpg": LABELLED}
    asked = [(name, "What is it?", "a disc") for name in pictures]
    (entry,) = cleaned(tmp_path, pictures, asked, near_repeats=near_repeats)
    assert entry.action == {"flag": "flagged", "drop": "dropped"}[near_repeats]
    assert "likely the same" in str(entry.evidence)
    assert "text over it" in str(entry.evidence)


@pytest.mark.parametrize(("pictures", "found"), [("bytes", 0), ("certain", 0), ("likely", 1)])
def test_which_pictures_are_the_same_is_an_option(
    pictures: str, found: int, tmp_path: Path
) -> None:
    asked = [(name, "What is it?", "a disc") for name in ("a.jpg", "b.jpg")]
    both = {"a.jpg": BIG, "b.jpg": LABELLED}
    assert len(cleaned(tmp_path, both, asked, pictures=pictures)) == found


def test_look_alikes_keep_their_questions(tmp_path: Path) -> None:
    pictures = {}
    for seed in range(8):
        picture = scene(seed)
        pictures |= {f"{seed}a.jpg": jpeg(picture)}
        pictures |= {f"{seed}b.jpg": jpeg(with_another_thing(picture))}
    asked = [(name, "Is there a disc?", "yes" if "b" in name else "no") for name in pictures]
    asked += [(name, "What is it?", "a scene") for name in pictures]
    entries = cleaned(tmp_path, pictures, asked)
    assert [e for e in entries if e.action == "dropped"] == []
    assert len(entries) <= 2


def test_rows_that_are_not_looked_at_have_nothing_to_say(tmp_path: Path) -> None:
    pictures = {name: data for split in ("train", "val") for name, data in {
        f"{split}/a.jpg": BIG, f"{split}/b.jpg": SMALL, f"{split}/c.jpg": OTHER,
        f"{split}/d.jpg": LABELLED, f"{split}/e.jpg": jpeg(scene(4))}.items()}  # fmt: skip
    texts = ["What is it?", "what  IS it", "How many?", "Is it red?"]
    asked = [(name, text, f"{n % 2}") for name in pictures for n, text in enumerate(texts)]
    data = data_set(tmp_path / "raw", pictures, [*asked, *asked[::3]])

    class Everything(Duplicate):
        def decide(self, survey: Survey) -> None:
            super().decide(survey)
            self._repeated = None  # so that each row is looked at

    found = []
    for number, kind in enumerate((Duplicate, Everything)):
        clean(data, tmp_path / str(number), [kind()])
        found.append(pq.read_table(tmp_path / str(number) / FINDINGS).drop_columns("step"))
    assert found[0].num_rows > len(texts)
    assert found[0].equals(found[1])


def test_an_image_alone_never_drops_a_question(tmp_path: Path) -> None:
    pictures = {f"{n}.jpg": jpeg(cropped(scene(3), 0.01 * n)) for n in range(4)}
    asked = [(name, f"Question of {name}?", "yes") for name in pictures]
    assert cleaned(tmp_path, pictures, asked) == []
    assert len(findings(tmp_path)) == 3


def test_forty_pictures_lose_exactly_what_they_should(tmp_path: Path) -> None:
    """Three of forty pictures are copies, edits or broken; data-juicer keeps 40 of 200 here."""
    pictures = {f"{n:02}.jpg": jpeg(scene(n)) for n in range(36)}
    pictures |= {"36.jpg": jpeg(scene(0)), "37.jpg": jpeg(scene(1).resize((160, 120)))}
    pictures |= {"38.jpg": jpeg(cropped(scene(2))), "39.jpg": b"not a picture"}
    asked = [(name, f"Question {n}?", "yes") for name in pictures for n in range(5)]
    shards = data_set(tmp_path / "raw", pictures, asked)
    manifest = clean(shards, tmp_path / "clean")
    assert manifest.questions == 200 - 4 * 5
    reasons = [e.reason for e in select_entries(tmp_path / "clean", "dropped")]
    assert {r: reasons.count(r) for r in reasons} == {
        "duplicate": 5, "near-duplicate": 10, "not-a-picture": 5
    }  # fmt: skip


def test_turns_of_a_conversation_are_never_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(BIG)
    said = [{"role": role, "content": text}
            for role, text in (("user", "<image>Is it red?"), ("assistant", "no"),
                               ("user", "And now?"), ("assistant", "yes"))]  # fmt: skip
    talks = [{"messages": said, "images": ["a.jpg"]}] * 2
    (tmp_path / "talks.json").write_text(json.dumps(talks))
    convert(Messages(data=[tmp_path / "talks.json"], image_root=[tmp_path]), tmp_path / "raw")
    clean(tmp_path / "raw", tmp_path / "clean", [Duplicate()])
    entries = select_entries(tmp_path / "clean")
    assert [(e.action, e.reason) for e in entries] == [("flagged", "duplicate")] * 2
