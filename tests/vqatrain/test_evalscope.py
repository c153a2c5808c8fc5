"""The bridge to EvalScope: what is written for it, and what is made of its answers.

EvalScope itself is run by ``make peers-evalscope``. Here a stand-in takes its place: it reads the
task and the data as EvalScope does, asks the server, and writes files of the same shape.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("uvicorn")

import vqatrain
from tests.conftest import encoded
from tests.vqatrain.served import served
from vqadata.errors import OptionError, VqaDataError
from vqatrain.cli import program
from vqatrain.config import ServeConfig
from vqatrain.data import DataOptions, Questions
from vqatrain.evalscope.config import EvalScopeConfig
from vqatrain.evalscope.evaluation import bridge
from vqatrain.reports.reporting import report

KEY = "a key"

STAND_IN = """
import base64, json, os, urllib.request
from pathlib import Path

def run_task(path):
    task = json.loads(Path(path).read_text())
    key = task["api_key"] or os.environ["EVALSCOPE_API_KEY"]
    data = task["dataset_args"]["general_vqa"]
    [subset] = data["subset_list"]
    for kind in ("predictions", "reports"):
        Path(task["use_cache"], kind, task["model"]).mkdir(parents=True, exist_ok=True)
    lines = Path(data["local_path"], subset + ".jsonl").read_text().splitlines()
    out = Path(task["use_cache"], "predictions", task["model"], f"general_vqa_{subset}.jsonl")
    with out.open("w") as file:
        for index, line in reversed(list(enumerate(lines))):
            messages = json.loads(line)["messages"]
            for part in messages[0]["content"]:
                if part["type"] == "image_url":
                    encoded = base64.b64encode(Path(part["image_url"]["url"]).read_bytes())
                    part["image_url"]["url"] = "data:image/png;base64," + encoded.decode()
            body = {"model": task["model"], "messages": messages, **task["generation_config"]}
            request = urllib.request.Request(
                task["api_url"] + "/chat/completions", json.dumps(body).encode(),
                {"Authorization": f"Bearer {key}"})
            choices = json.load(urllib.request.urlopen(request))["choices"]
            choices[0]["stop_reason"] = choices[0].pop("finish_reason")
            file.write(json.dumps({"index": index, "model_output": {"choices": choices}}) + "\\n")
    kind = {"name": "rouge", "dimensions": {"statistic": "recall", "variant": "l"}}
    report = {"metrics": [{"identity": kind, "score": 0.5}]}
    out = Path(task["use_cache"], "reports", task["model"], "general_vqa.json")
    out.write_text(json.dumps(report))
"""


@pytest.fixture(scope="module")
def url(learnt: Path) -> Iterator[str]:
    with served(ServeConfig(model=str(learnt), name="colours", port=0, api_key=KEY)) as address:
        yield f"{address}/v1"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "evalscope.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "path"))
    monkeypatch.setenv("VQATRAIN_API_KEY", KEY)
    return sys.executable


def options(shards: Path, tmp_path: Path, **others: Any) -> EvalScopeConfig:
    usual = {"shards": shards, "split": "test", "model": "colours", "out": tmp_path / "out"}
    return EvalScopeConfig(**usual | others)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_written(shards: Path, tmp_path: Path) -> None:
    found = bridge(options(shards, tmp_path, limit=10, url="https://a.org/v1"))
    assert (found.questions, found.scores, found.theirs) == (10, None, {})
    questions = Questions(DataOptions(shards=shards, split="test"))
    written = lines(tmp_path / "out" / "questions.jsonl")
    assert len(written) == 10
    for row, (record, line) in enumerate(zip(questions.records(), written, strict=False)):
        assert line["question_ids"] == [record["question_id"]]
        assert line["answer"] == record["answer"]
        [message] = line["messages"]
        picture, text = message["content"]
        assert (message["role"], text) == ("user", {"type": "text", "text": record["text"]})
        path = tmp_path / "out" / picture["image_url"]["url"]
        assert path.suffix == ".png"
        assert [path.read_bytes()] == questions.encoded(row)
    assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == 5, "once each"
    task = json.loads((tmp_path / "out" / "task.json").read_text())
    assert task["api_url"] == "https://a.org/v1"
    assert task["datasets"] == ["general_vqa"]
    assert task["dataset_args"]["general_vqa"]["subset_list"] == ["questions"]
    assert task["generation_config"] == {"temperature": 0.0, "max_tokens": 16}


def test_our_source_reads_the_data_back(shards: Path, tmp_path: Path) -> None:
    from vqadata import convert, open_shards
    from vqadata.sources.evalscope import EvalScope

    bridge(options(shards, tmp_path))
    source = EvalScope(data=tmp_path / "out" / "questions.jsonl")
    convert(source, tmp_path / "again")
    again = open_shards(tmp_path / "again").questions(["text", "answer"]).to_pylist()
    before = Questions(DataOptions(shards=shards, split="test")).records()
    pairs = sorted((row["text"], row["answer"]) for row in before)
    assert sorted((row["text"], row["answer"]) for row in again) == pairs


def test_answers_are_those_of_eval(
    shards: Path, learnt: Path, url: str, stand_in: str, tmp_path: Path
) -> None:
    found = bridge(options(shards, tmp_path, url=url, run=stand_in))
    direct = vqatrain.EvalConfig(
        shards=shards, split="test", model=str(learnt), out=tmp_path / "eval"
    )
    ours = vqatrain.evaluate(direct)
    assert found.scores is not None
    assert found.scores.overall == ours.overall
    assert found.theirs == {"rouge l recall": 0.5}
    assert report(direct.out, direct, None, [tmp_path / "out"]).exists(), "it can be laid beside"
    assert lines(tmp_path / "out" / "predictions.jsonl") == lines(
        tmp_path / "eval" / "predictions.jsonl"
    )


def test_the_printed_command_runs_it_and_the_same_call_scores(
    shards: Path, url: str, stand_in: str, tmp_path: Path
) -> None:
    given = ["evalscope", str(shards), "--split", "test", "--model", "colours", "--url", url]
    given += ["--out", str(tmp_path / "a folder")]
    first = CliRunner().invoke(program, given)
    assert first.exit_code == 0, first.output
    command = first.output.splitlines()[1].replace(" python ", f" {shlex.quote(stand_in)} ")
    subprocess.run(["/bin/sh", "-c", command], check=True)
    second = CliRunner().invoke(program, given)
    assert second.exit_code == 0, second.output
    assert "rouge l recall" in second.output
    assert KEY not in first.output
    assert not any(KEY in path.read_text() for path in (tmp_path / "a folder").glob("*.json*"))


def test_other_options_do_not_go_into_the_folder(shards: Path, tmp_path: Path) -> None:
    bridge(options(shards, tmp_path))
    assert bridge(options(shards, tmp_path, metric=["gqa"])).scores is None
    with pytest.raises(OptionError, match="other data or options"):
        bridge(options(shards, tmp_path, limit=3))


def test_an_evaluation_under_way_is_not_scored(
    shards: Path, url: str, stand_in: str, tmp_path: Path
) -> None:
    config = options(shards, tmp_path, url=url)
    bridge(config.model_copy(update={"run": stand_in}))
    path = tmp_path / "out" / "outputs" / "predictions" / "colours" / "general_vqa_questions.jsonl"
    path.write_text(path.read_text()[:-9])
    with pytest.raises(VqaDataError, match="answers to 15 questions; expected answers to all 16"):
        bridge(config)


@pytest.mark.parametrize("broken", [b"no picture at all", None])
def test_a_broken_picture_is_named(
    broken: bytes | None, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Questions, "encoded", lambda *_: [broken])
    with pytest.raises(VqaDataError, match=r"question \d+: .*expected a picture"):
        bridge(options(shards, tmp_path))


def test_an_error_is_no_answer(shards: Path, tmp_path: Path) -> None:
    config = options(shards, tmp_path, limit=1)
    bridge(config)
    path = tmp_path / "out" / "outputs" / "predictions" / "colours" / "general_vqa_questions.jsonl"
    path.parent.mkdir(parents=True)
    choice = {"message": {"content": "input length 9"}, "stop_reason": "model_length"}
    path.write_text(json.dumps({"index": 0, "model_output": {"choices": [choice]}}) + "\n")
    with pytest.raises(VqaDataError, match="question 0: model_length: input length 9"):
        bridge(config)


def test_what_has_run_is_not_run_again(
    shards: Path, url: str, stand_in: str, tmp_path: Path
) -> None:
    config = options(shards, tmp_path, url=url, run=stand_in)
    bridge(config)
    with pytest.raises(OptionError, match="finished evaluation"):
        bridge(config)
    again = bridge(config.model_copy(update={"run": None, "metric": ["exact-match"]}))
    assert again.scores is not None
    assert list(again.scores.overall) == ["exact-match"]


def test_questions_without_an_answer_are_left_out(tmp_path: Path) -> None:
    from vqadata import convert
    from vqadata.sources.custom import Custom

    rows = [{"question": f"What is {n}?", "image": "0.png", "answer": "a"} for n in range(3)]
    del rows[1]["answer"]
    (tmp_path / "0.png").write_bytes(encoded("red", (8, 8)))
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    fields = ["image=image", "question=question", "answer=answer"]
    source = Custom(data=tmp_path / "rows.jsonl", unanswered="keep", field=fields)
    convert(source, tmp_path / "shards")
    found = bridge(options(tmp_path / "shards", tmp_path, split=None))
    assert (found.questions, found.unanswered_in_data) == (2, 1)
    asked = [
        line["messages"][0]["content"][1]["text"]
        for line in lines(tmp_path / "out" / "questions.jsonl")
    ]
    assert asked == ["What is 0?", "What is 2?"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "other"}, "one of colours"),
        ({"url": "http://127.0.0.1:9/v1"}, "Start one with: vqatrain serve"),
        ({"run": "no/such/python"}, "no/such/python"),
    ],
)
def test_what_cannot_run_is_said_at_once(
    changes: dict[str, Any], message: str, shards: Path, url: str, stand_in: str, tmp_path: Path
) -> None:
    usual = {"url": url, "run": stand_in}
    with pytest.raises(OptionError, match=message):
        bridge(options(shards, tmp_path, **usual | changes))


def test_a_failure_of_evalscope_is_ours_too(
    shards: Path, url: str, stand_in: str, tmp_path: Path
) -> None:
    (tmp_path / "path" / "evalscope.py").write_text("raise ImportError")
    with pytest.raises(OptionError, match="EvalScope ended with status 1"):
        bridge(options(shards, tmp_path, url=url, run=stand_in))
