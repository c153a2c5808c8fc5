"""Proofs of a run, and its card: honest where nobody looked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from tests.vqatrain.test_run import config
from vqadata import open_shards
from vqadata.errors import OptionError, VqaDataError
from vqatrain import DpoConfig, EvalConfig, ProveConfig, evaluate, prove, run
from vqatrain.batches.views import Viewed, shuffle_answers
from vqatrain.config import DataOptions
from vqatrain.data import Questions
from vqatrain.training import card, curves
from vqatrain.training.gates import Control, Fall, Gates, judge


@pytest.fixture(scope="module")
def trained(learnt: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(learnt, tmp_path_factory.mktemp("proved") / "full"))


def rows(shards: Path, **options: Any) -> Questions:
    return Questions(DataOptions(shards=shards, **options))


def test_blank_pictures_are_grey_and_of_the_same_size(shards: Path) -> None:
    own, blank = rows(shards).example(3), Viewed(rows(shards), "blank").example(3)
    assert blank.pictures[0].size == own.pictures[0].size
    assert blank.pictures[0].getcolors() == [
        (blank.pictures[0].width * blank.pictures[0].height, (128,) * 3)
    ]
    assert blank[2:] == own[2:]


def test_every_row_is_lent_other_pictures_and_always_the_same(shards: Path) -> None:
    questions = rows(shards)
    views = [Viewed(questions, "shuffled") for _ in range(2)]
    for row in range(len(questions)):
        lent, again = (view.example(row) for view in views)
        own = questions.example(row)
        assert lent.pictures[0].tobytes() != own.pictures[0].tobytes()
        assert lent.pictures[0].tobytes() == again.pictures[0].tobytes()
        assert lent.question == own.question


def test_one_picture_cannot_be_swapped(shards: Path) -> None:
    with pytest.raises(VqaDataError, match="the same pictures in all rows"):
        Viewed(rows(shards, where="question_id IN ('3', '11')"), "shuffled").example(0)


def test_answers_are_dealt_out_and_none_is_lost(shards: Path) -> None:
    questions = rows(shards)
    before = questions.table["answer"].to_list()
    shuffle_answers(questions, 0)
    after = questions.table["answer"].to_list()
    assert after != before
    assert sorted(after) == sorted(before)


def test_card_of_a_run_says_what_was_not_run(shards: Path, trained: Path) -> None:
    found = card.of(trained)
    states = {gate.name: gate.state for gate in found.gates}
    assert list(states.values()).count("not run") == 3
    assert states["the loss fell"] == states["the account of the data adds up"] == "passed"
    assert found.data["digest"] == open_shards(shards).digest
    assert found.data["account"]["kept"] == 32
    assert found.data["licences"] == {"not stated": 32}
    text = (trained / "card.md").read_text()
    assert "| blank pictures are answered worse | not run | run vqatrain prove |" in text
    assert "![Loss, accuracy and learning rate](curves.svg)" in text
    assert ElementTree.parse(trained / "curves.svg").getroot().findall("{*}polyline")


@pytest.mark.slow
def test_a_run_is_proved(shards: Path, trained: Path) -> None:
    found = prove(ProveConfig(run=trained, limit=24, control_steps=60, threads=1))
    states = [gate.state for gate in found.gates]
    assert states == ["passed"] * 6, found.gates
    kept = Gates.model_validate_json((trained / "gates.json").read_text())
    assert (kept.rows, kept.own) == (24, 1.0)
    assert 0 < kept.blank.low <= kept.blank.lost <= kept.blank.high
    assert kept.control is not None
    assert kept.control.loss > 0.2 > kept.control.loss_of_run
    assert found.scores["exact-match"] == 1.0
    assert json.loads((trained / "card.json").read_text()) == found.model_dump(mode="json")
    assert json.loads((trained / "gates" / "control" / "run.json").read_text())["control"]
    assert not (trained / "gates" / "control" / "model").exists()
    lines = (trained / "gates" / "shuffled" / "predictions.jsonl").read_text().splitlines()
    assert len(lines) == 24


def test_a_run_that_does_not_look_fails(shards: Path, tmp_path: Path) -> None:
    out = run(config(shards, tmp_path / "run", max_steps=1))
    found = prove(ProveConfig(run=out, limit=4, threads=1))
    states = {gate.name: gate.state for gate in found.gates}
    assert states["blank pictures are answered worse"] == "failed"
    assert states["answers dealt out anew are learnt worse"] == "not run"


def judged(**changes: Any) -> dict[str, str]:
    fall = Fall(score=0.4, lost=0.3, low=0.1, high=0.5)
    known = {
        "data_digest": "", "split": None, "where": None, "rows": 9, "metric": "m", "own": 0.7,
        "blank": fall, "shuffled": fall, "control": None, **changes,
    }  # fmt: skip
    account = {"kept": 1, "dropped": 0, "quarantined": 0, "adds_up": True}
    labels = {"supervised": 1, "tokens": 5, "examples": 1, "supervised_picture_tokens": 0}
    gates = judge({"data": {"account": account}}, labels, [1.0, 2.0], Gates(**known))
    return {gate.name.partition(" ")[0]: gate.state for gate in gates}


def test_chance_passes_no_gate() -> None:
    chance = Fall(score=0.6, lost=0.1, low=-0.1, high=0.3)
    assert judged()["blank"] == "passed"
    assert judged(blank=chance)["blank"] == "failed"
    assert judged(control=Control(steps=9, loss=0.52, loss_of_run=0.5))["answers"] == "failed"
    assert judged()["the"] == "failed"  # the loss rose


def test_what_others_wrote_is_no_markup(trained: Path) -> None:
    found = card.of(trained)
    data = found.data | {"licences": {"<script>|[x](y)\n# Head": 3}}
    text = card.text(found.model_copy(update={"data": data}))
    assert "<script>" not in text
    assert "\n# Head" not in text
    assert "\\|\\[x\\](y)" in text
    drawn = curves.draw([{"step": 1, "eval_<b>": 0.5}, {"step": 2, "eval_<b>": 0.7}])
    assert "<b>" not in drawn


def test_answers_with_other_pictures_stay_apart(
    shards: Path, trained: Path, tmp_path: Path
) -> None:
    options = {"shards": shards, "model": str(trained), "threads": 1}
    own = evaluate(EvalConfig(out=tmp_path / "own", **options))
    blank = evaluate(EvalConfig(out=tmp_path / "blank", pictures="blank", **options))
    assert (own.value("exact-match") or 0) > (blank.value("exact-match") or 0)


def test_what_cannot_be_proved_is_refused(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"RUN: .*no run\.json in it"):
        prove(ProveConfig(run=tmp_path))
    (tmp_path / "run.json").touch()
    given = DpoConfig(shards=tmp_path, model="tiny:smolvlm").model_dump_json()
    (tmp_path / "config.json").write_text(given)
    with pytest.raises(OptionError, match="a run of vqatrain dpo"):
        prove(ProveConfig(run=tmp_path, control_steps=5))


def test_a_run_of_one_step_says_what_it_can(
    shards: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out = run(config(shards, tmp_path / "run", max_steps=1))
    assert "--warmup-steps 1 of 1 steps: the learning rate does not reach" in caplog.text
    gates = json.loads((out / "card.json").read_text())["gates"]
    assert [g["state"] for g in gates if g["name"] == "the loss fell"] == ["not run"]
    line = ElementTree.parse(out / "curves.svg").getroot().find("{*}polyline")
    assert line is not None
    assert len(line.attrib["points"].split()) == 2  # a dot
