"""The report of a data set that was cleaned several times: which command took which rows."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import polars as pl
import pytest
from pydantic import Field

from tests.conftest import VqaFiles
from vqadata import clean, convert, open_shards
from vqadata.ledger import Rejection
from vqadata.rearranging.merging import merge, repack
from vqadata.reports.history import ancestors
from vqadata.reports.lists import Lists, lists
from vqadata.reports.report_text import as_text
from vqadata.reports.reporting import ReportOptions, _earlier, report
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.steps import Cleaner, Verdict

if TYPE_CHECKING:
    import pyarrow as pa

CHAIN = ("b", "c", "d")
"""Data sets, each cleaned of the one before; the first one of ``a``."""

SIEVED = {1: "2 clean", 2: "3 clean", 3: "4 clean"}
"""Which cleaning of the chain drops the questions whose number leaves what, divided by 7."""


class Sieve(Cleaner):
    """Drops every seventh question, flags every fifth, and says a fact of each picture."""

    order: ClassVar[int] = 60

    of: int = Field(1, description="What the number of a question leaves, divided by seven.")

    def judge(self, batch: pa.RecordBatch) -> Iterator[Verdict]:
        for row, questions in enumerate(batch.column("questions").to_pylist()):
            yield Verdict(row, None, "flag", Rejection("seen"), "info")
            for place, question in enumerate(questions):
                number = int(question["question_id"])
                if number % 5 == 0:
                    yield Verdict(row, place, "flag", Rejection("fifth"))
                if number % 7 == self.of:
                    yield Verdict(row, place, "drop", Rejection("sieved"), "error", {"of": self.of})


def chain(folder: Path) -> Path:
    """Convert to ``a``, clean that to ``b``, ``b`` to ``c`` and ``c`` to ``d``."""
    files = VqaFiles(folder / "raw", questions=60)
    files.questions[6]["question"] = 7
    convert(CocoVqa(**files.write()), folder / "a")
    for of, (before, after) in enumerate(zip(("a", *CHAIN), CHAIN, strict=False), 1):
        clean(folder / before, folder / after, [Sieve(of=of)])
    return folder / "d"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return chain(tmp_path_factory.mktemp("chain"))


def of(folder: Path) -> Lists:
    shards = open_shards(folder)
    return lists(shards, list(_earlier(shards)))


def test_each_command_is_told_with_what_it_lost_and_left(whole: Path) -> None:
    made = report(whole, whole.parent / "page.html")
    assert [done.name for done in made.report.history] == ["1 convert", *SIEVED.values()]
    ledgers = [open_shards(whole.parent / name).manifest for name in ("a", *CHAIN)]
    assert [done.left for done in made.report.history] == [one.questions for one in ledgers]
    gone = [one.ledger.entries["dropped"] for one in ledgers]
    assert [done.lost for done in made.report.history[1:]] == [
        later - earlier for earlier, later in pairwise(gone)
    ]
    assert {loss.code for done in made.report.history[1:] for loss in done.losses} == {"sieved"}
    assert all(done.told for done in made.report.history)
    assert f"3 clean: {made.report.history[2].lost} lost" in as_text(made, {})


def test_each_lost_row_has_the_finding_of_the_command_that_took_it(whole: Path) -> None:
    found = of(whole)
    lost = found.lost.filter(pl.col("reason") == "sieved")
    assert lost["command"].to_list() == [SIEVED[int(n) % 7] for n in lost["question_id"]]
    findings = found.findings[lost["finding"].to_list()]
    assert findings["question_id"].to_list() == lost["question_id"].to_list()
    assert findings["details"].to_list() == [f'{{"of": {int(n) % 7}}}' for n in lost["question_id"]]
    assert findings["command"].to_list() == lost["command"].to_list()


def test_what_a_later_cleaning_says_too_is_listed_once(whole: Path) -> None:
    findings = of(whole).findings
    assert set(findings.filter(pl.col("code") == "seen")["command"]) == {"4 clean"}
    findings = findings.filter(pl.col("code") == "fifth")
    assert not findings["question_id"].is_duplicated().any()
    every = {f"{n}" for n in range(60) if n % 5 == 0}  # also those that are gone by now
    assert set(findings["question_id"]) == every
    last = pl.read_parquet(whole / "findings.parquet")
    assert of(whole).findings[: last.height].select(last.columns).equals(last)


@pytest.mark.parametrize(
    ("missing", "names", "untold"),
    [
        ("a", ["1 convert", "2 clean", "3 clean", "4 clean"], []),
        ("b", ["1 convert", "2 clean", "3 clean", "4 clean"], ["2 clean"]),
        ("ac", ["1 convert", "2 clean", "3 clean", "4 clean"], ["3 clean"]),
        ("abc", ["1 convert", "2+3 clean", "4 clean"], ["2+3 clean"]),
    ],
)
def test_without_the_data_sets_before_the_ledger_tells(
    missing: str, names: list[str], untold: list[str], whole: Path, tmp_path: Path
) -> None:
    for name in {*"abcd"} - {*missing}:
        shutil.copytree(whole.parent / name, tmp_path / name)
    made = report(tmp_path / "d").report
    assert [done.name for done in made.history] == names
    assert [done.name for done in made.history if not done.told] == untold
    lost = of(tmp_path / "d").lost.filter(pl.col("reason") == "sieved")
    assert all(
        SIEVED[int(number) % 7][0] in command
        for number, command in lost.select("question_id", "command").iter_rows()
    )
    codes = [
        Counter(dict(lists(shards, others).findings.group_by("code").agg(pl.len()).iter_rows()))
        for shards in [open_shards(tmp_path / "d")]
        for others in ([], [open_shards(whole.parent / name) for name in "abc"])
    ]
    assert codes[0] == codes[1]  # so that a gate finds the same
    page = (tmp_path / "d" / "report.html").read_text()
    assert ("does not lie beside this one" in page) == bool(untold)
    there = [whole.parent / name for name in "abc"]
    assert report(tmp_path / "d", None, ReportOptions(look_in=there)).report.history == (
        report(whole, tmp_path / "page.html").report.history
    )


def test_what_comes_after_a_cleaning_keeps_its_evidence(whole: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        shutil.copytree(whole.parent / name, tmp_path / name)
    repack(tmp_path / "b", tmp_path / "again")
    found = of(tmp_path / "again")
    assert [done.name for done in report(tmp_path / "again").report.history] == [
        "1 convert", "2 clean", "3 repack"
    ]  # fmt: skip
    taken = found.lost.filter(pl.col("command") == "2 clean")["finding"].to_list()
    assert set(found.findings[taken]["details"]) == {'{"of": 1}'}


def test_a_data_set_of_another_history_is_none_of_its_own(whole: Path, tmp_path: Path) -> None:
    """Two that were put together: the entries of the second one do not follow its parent's."""
    files = VqaFiles(tmp_path / "raw", questions=20)
    files.questions[2]["question"] = 7
    convert(CocoVqa(**files.write()), tmp_path / "x")
    clean(tmp_path / "x", tmp_path / "y", [Sieve()])
    for name in ("a", "b"):
        shutil.copytree(whole.parent / name, tmp_path / name)
    merge([tmp_path / "b", tmp_path / "y"], tmp_path / "both")
    made = report(tmp_path / "both").report
    assert [done.name for done in made.history] == [
        "1 convert", "3 convert", "2+4 clean", "5 merge"
    ]  # fmt: skip
    assert sum(done.lost for done in made.history) == sum(loss.rows for loss in made.losses)
    assert made.history[-1].left == made.questions


def test_other_data_that_were_made_alike_are_no_ancestor(tmp_path: Path) -> None:
    files = VqaFiles(tmp_path / "raw", questions=20)
    for name, text in (("old", "Old?"), ("new", "New?")):
        files.questions[2]["question"] = text
        convert(CocoVqa(**files.write()), tmp_path / name)
    clean(tmp_path / "new", tmp_path / "clean", [Sieve()])
    old, new, made = (open_shards(tmp_path / name) for name in ("old", "new", "clean"))
    assert old.manifest.steps == new.manifest.steps
    assert [one.where for one in ancestors(made, [new, old, made])] == [new.where]
