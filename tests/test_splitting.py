"""Splits: no picture in two parts, nothing moves that need not, every row carried on."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import VqaFiles
from tests.versions import Asked, write_shards
from vqadata import convert, open_shards, split, verify
from vqadata.errors import OptionError
from vqadata.rearranging.picture_groups import picture_groups
from vqadata.rearranging.resharding import with_source_split
from vqadata.rearranging.shares import SplitOptions
from vqadata.shards.writer import BATCH_PICTURES
from vqadata.sources.coco_vqa import CocoVqa

THREE = {"train": 0.5, "val": 0.3, "test": 0.2}

QUESTIONS = st.lists(
    st.builds(
        Asked,
        pictures=st.lists(st.integers(0, 12), max_size=3).map(tuple),
        split=st.sampled_from(["", "a", "b"]),
        dialog=st.none() | st.integers(0, 3),
        fields=st.just({}),
    ),
    min_size=1,
    max_size=25,
)
"""Questions about none to three of thirteen pictures, of three splits, some in conversations."""


def parts_of(asked: Iterable[Asked], how: SplitOptions) -> dict[str, str]:
    """The part of each question, after a split of shards that hold them."""
    with TemporaryDirectory() as folder:
        shards, out = Path(folder) / "shards", Path(folder) / "parts"
        write_shards(shards, asked)
        try:
            split(shards, out, how)
        except OptionError as error:
            assert "would stay empty" in str(error)  # noqa: PT017
            return {}
        assert verify(out).problems == []
        return {r.question_id: r.split or "" for r in open_shards(out).records()}


def on_line(seed: int) -> SplitOptions:
    """One part: all rows, and no part that could stay empty."""
    return SplitOptions(part={"all": 1.0}, seed=seed)  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(QUESTIONS, st.integers(0, 5))
def test_no_picture_and_no_conversation_is_in_two_parts(asked: list[Asked], seed: int) -> None:
    found = parts_of(asked, SplitOptions(part=THREE, seed=seed))  # type: ignore[arg-type]
    seen = defaultdict(set)
    for number, part in found.items():
        for picture in asked[int(number)].pictures:
            seen[f"picture {picture}"].add(part)
        if asked[int(number)].dialog is not None:
            seen[f"dialog {asked[int(number)].dialog}"].add(part)
    assert [what for what, parts in seen.items() if len(parts) > 1] == []
    assert not found or len(found) == len(asked)


@settings(max_examples=20, deadline=None)
@given(QUESTIONS)
def test_each_set_of_pictures_is_stored_once(asked: list[Asked]) -> None:
    with TemporaryDirectory() as folder:
        shards, out = Path(folder) / "shards", Path(folder) / "parts"
        write_shards(shards, asked)
        split(shards, out, on_line(0))
        rows = [row for batch in open_shards(out).batches() for row in batch.to_pylist()]
    stored = [tuple(fact["digest"] for fact in row["image_facts"]) for row in rows]
    shown = [digests for digests in stored if digests]
    assert len(shown) == len(set(shown)) == len({q.pictures for q in asked if q.pictures})
    assert sorted(q["question_id"] for row in rows for q in row["questions"]) == sorted(
        str(number) for number in range(len(asked))
    )


@settings(max_examples=40, deadline=None)
@given(QUESTIONS, st.lists(st.integers(20, 60), max_size=20), st.integers(0, 5))
def test_new_pictures_move_no_old_ones(asked: list[Asked], new: list[int], seed: int) -> None:
    more = [Asked(pictures=(picture,)) for picture in new]
    how = SplitOptions(part=THREE, seed=seed)  # type: ignore[arg-type]
    with TemporaryDirectory() as folder:
        drawn = []
        for name, questions in (("old", asked), ("both", [*asked, *more])):
            write_shards(Path(folder) / name, questions)
            shards = open_shards(Path(folder) / name)
            groups = picture_groups(shards)
            parts = how.parts_of(groups.names)[groups.of_question].tolist()
            drawn.append(dict(zip([r.question_id for r in shards.records()], parts, strict=True)))
    assert drawn[0].items() <= drawn[1].items()


def test_the_same_split_twice_is_the_same_bytes(vqa_files: VqaFiles, tmp_path: Path) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    for name in ("one", "two"):
        split(tmp_path / "shards", tmp_path / name, {"train": 0.5, "val": 0.5})
    one, two = (sorted((tmp_path / name).iterdir()) for name in ("one", "two"))
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Twenty thousand questions on four thousand pictures, and the tail of a second split."""
    draw = [Asked(pictures=(number % 4000,), split="train") for number in range(20_000)]
    draw += [Asked(pictures=(number,), split="test") for number in range(3990, 4090)]
    write_shards(tmp_path / "many", draw)
    return tmp_path / "many"


def test_shares_are_met_on_average(many: Path, tmp_path: Path) -> None:
    outcome = split(many, tmp_path / "out", {"train": 0.8, "val": 0.15, "test": 0.05})
    assert (outcome.groups, outcome.largest, outcome.shared) == (4090, 6, 0)
    assert [part.name for part in outcome.parts] == ["train", "val", "test"]
    for part in outcome.parts:
        assert part.got == pytest.approx(part.wanted, abs=0.02)
        assert part.pictures == pytest.approx(part.wanted * 4090, abs=80)
    assert sum(part.rows for part in outcome.parts) == 20_100
    batches = [batch.pictures for shard in outcome.manifest.shards for batch in shard.batches]
    assert max(batches) <= BATCH_PICTURES
    assert len(batches) <= 4090 / BATCH_PICTURES + 2 * 3


def test_within_a_split_the_others_stay(many: Path, tmp_path: Path) -> None:
    how = SplitOptions(part={"train": 0.5, "dev": 0.5}, within="train")  # type: ignore[arg-type]
    outcome = split(many, tmp_path / "out", how)
    assert set(outcome.manifest.splits) == {"train", "dev", "test"}
    assert outcome.shared == 10  # pictures 3990 to 3999 are in test as well
    before, after = (
        [r for r in open_shards(folder).records() if r.split == "test"]
        for folder in (many, tmp_path / "out")
    )
    assert before == after
    assert verify(tmp_path / "out").problems == []


def test_a_split_of_a_split_is_drawn_anew(many: Path, tmp_path: Path) -> None:
    once = SplitOptions(part={"train": 0.5, "dev": 0.5}, within="train")  # type: ignore[arg-type]
    split(many, tmp_path / "once", once)
    outcome = split(tmp_path / "once", tmp_path / "twice", SplitOptions(
        part={"train": 0.5, "val": 0.5}, within="train"))  # type: ignore[arg-type]  # fmt: skip
    assert outcome.parts[0].got == pytest.approx(0.5, abs=0.05)


def test_the_old_split_and_the_ledger_are_kept(vqa_files: VqaFiles, tmp_path: Path) -> None:
    vqa_files.questions[4]["question"] = 5
    vqa_files.questions[0]["mood"] = "calm"
    convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    outcome = split(tmp_path / "shards", tmp_path / "out", {"all": 1})
    extras = {r.question_id: r.extra for r in open_shards(tmp_path / "out").records()}
    assert json.loads(extras["0"] or "") == {"source_split": "val2014", "mood": "calm"}
    assert json.loads(extras["5"] or "") == {"source_split": "val2014"}
    assert outcome.manifest.quarantined == 1
    step = outcome.manifest.steps[-1]
    assert (step.step, step.name) == ("split", "by-picture")
    assert step.options["part"] == [{"name": "all", "share": 1.0}]
    assert step.parent == open_shards(tmp_path / "shards").digest


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (None, '{"source_split":"a"}'),
        ("{}", '{"source_split":"a"}'),
        (' { "x": 1}', '{"source_split":"a","x": 1}'),
        ('{"source_split": "b"}', '{"source_split": "b"}'),
        ('{"x":{"source_split":1}}', '{"source_split":"a","x":{"source_split":1}}'),
    ],
)
def test_the_source_split_joins_what_extra_holds(extra: str | None, expected: str) -> None:
    import pyarrow as pa

    found = with_source_split(pa.array([extra], pa.string()), "a").to_pylist()
    assert found == [expected]
    assert with_source_split(pa.array([extra], pa.string()), "").to_pylist() == [extra]


def test_pictures_that_look_alike_can_be_kept_together(tmp_path: Path) -> None:
    write_shards(tmp_path / "s", [Asked(pictures=(number,)) for number in range(3)])
    shards = open_shards(tmp_path / "s")
    facts = [row["image_facts"][0] for batch in shards.batches() for row in batch.to_pylist()]
    digests = [fact["digest"] for fact in facts]
    groups = picture_groups(shards, alike=[(digests[0], digests[2])]).of_question.tolist()
    assert groups[0] == groups[2] != groups[1]


def test_a_missing_picture_is_known_by_its_name(tmp_path: Path) -> None:
    asked = [Asked(pictures=(-1,), split="a"), Asked(pictures=(-1,), split="b"), Asked()]
    write_shards(tmp_path / "s", asked)
    groups = picture_groups(open_shards(tmp_path / "s")).of_question.tolist()
    assert len(set(groups)) == 2


FAULTS: dict[str, Any] = {
    "--part train=0.8 --part val=0.1": "expected shares that add up to 1, not to 0.9",
    "--part train": "expected NAME=SHARE such as train=0.8, not 'train'",
    "--part a=0.5 --part a=0.5": "expected each name once, not a several times",
    "--part a=1.5 --part b=-0.5": "shares above 0 and up to 1, not a=1.5",
    "--part a/b=1": "names of letters, digits, '_', '-' and '.', not 'a/b'",
    "--part all=1 --within tset": "no such split in shards; expected one of val2014. Check",
    "--part a=0.999999 --part b=0.000001": "it would stay empty, of 3 picture groups",
    "--part a=0.7 --part b=0.1 --part c=0.1 --part d=0.1": "fewer parts: the data have 3",
}


@pytest.mark.parametrize("words", FAULTS)
def test_a_mistake_is_one_line_and_leaves_nothing(
    words: str, vqa_files: VqaFiles, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    convert(CocoVqa(**vqa_files.write()), tmp_path / "shards")
    done = run_cli("split", "shards", "-o", "out", *words.split(), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert FAULTS[words] in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_table_of_a_split(many: Path, tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    words = ["--within", "train", "--part", "train=0.9", "--part", "dev=0.1"]
    done = run_cli("split", many, "-o", tmp_path / "out", *words)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["part", "rows", "pictures", "share", "wanted", "share", "got"]
    assert lines[3] == "4,000 picture groups, the largest of 5 rows"
    assert lines[4].startswith("warning: 10 pictures of the parts also in a split")
    again = run_cli("split", many, "-o", tmp_path / "out", *words[2:], "--part", "test=0.1")
    assert "add up to 1, not to 1.1" in again.stderr
    clash = run_cli("split", many, "-o", tmp_path / "o", "--within", "train", "--part", "test=1")
    assert "--part test: the name of a split that is kept" in clash.stderr
