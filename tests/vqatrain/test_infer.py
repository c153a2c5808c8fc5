"""A trained model is asked about a picture, a folder, the lines of a file; broken ones are told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

import vqatrain
import vqatrain.data
from tests.conftest import encoded
from vqadata.errors import OptionError, VqaDataError
from vqatrain.answering.answerer import Answerer
from vqatrain.answering.infer import infer, infer_to, questions
from vqatrain.cli import program
from vqatrain.config import EvalConfig, InferConfig, TrainConfig
from vqatrain.data import Example
from vqatrain.scoring.evaluation import UNFINISHED, evaluate

QUESTION = "What colour is part 1?"


@pytest.fixture(scope="module")
def run(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two steps: it answers, if only nonsense."""
    out = tmp_path_factory.mktemp("infer") / "run"
    options: dict[str, Any] = {"batch_size": 2, "max_steps": 2, "tuning": "full"}
    return vqatrain.run(TrainConfig(shards=shards, model="tiny:smolvlm", out=out, **options))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "deep").mkdir()
    for name, colour in (("a.png", "red"), ("deep/b.PNG", "blue")):
        (folder / name).write_bytes(encoded(colour, (64, 64)))
    (folder / "broken.png").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("not asked about")
    return folder


def test_it_is_asked_from_python(run: Path, pictures: Path) -> None:
    model = vqatrain.load(run, max_new_tokens=4)
    path = pictures / "a.png"
    said = {
        model.answer(source, QUESTION)
        for source in (path, str(path), path.read_bytes(), Image.open(path), [path])
    }
    assert len(said) == 1
    with pytest.raises(VqaDataError, match=r"broken\.png"):
        model.answer(pictures / "broken.png", QUESTION)


def test_a_folder_is_asked_about_picture_by_picture(run: Path, pictures: Path) -> None:
    config = InferConfig(model=str(run), images=pictures, question=QUESTION, max_new_tokens=4)
    lines = list(infer(config))
    assert [Path(line["image"]).name for line in lines] == ["a.png", "broken.png", "b.PNG"]
    assert ["error" in line for line in lines] == [False, True, False]


def test_a_batch_answers_as_one_alone(run: Path, pictures: Path) -> None:
    alone, together = (
        list(infer(InferConfig(model=str(run), images=pictures, question=QUESTION, batch_size=n)))
        for n in (1, 8)
    )
    assert alone == together


def test_what_the_model_cannot_take_costs_its_own_line_alone(
    run: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Answerer.answer

    def picky(self: Answerer, examples: list[Example], streamer: Any = None) -> list[str]:
        if any(one.question_id.endswith("b.PNG") for one in examples):
            raise VqaDataError("b.PNG", "too thin", "another picture")
        return real(self, examples, streamer)

    monkeypatch.setattr(Answerer, "answer", picky)
    config = InferConfig(model=str(run), images=pictures, question=QUESTION, max_new_tokens=4)
    lines = {Path(line["image"]).name: line for line in infer(config)}
    assert "answer" in lines["a.png"]
    assert "too thin" in lines["b.PNG"]["error"]


def asked(folder: Path, *lines: Any) -> Path:
    path = folder / "asked.jsonl"
    path.write_text("".join((x if isinstance(x, str) else json.dumps(x)) + "\n" for x in lines))
    return path


def test_lines_of_a_file_are_answered_and_repeated(
    run: Path, pictures: Path, tmp_path: Path
) -> None:
    path = asked(
        tmp_path, {"id": 7, "image": "a.png", "question": QUESTION}, "",
        {"images": ["a.png", "deep/b.PNG"]}, {"image": "../../etc/passwd"}, {"image": "none.png"},
    )  # fmt: skip
    out = tmp_path / "answers.jsonl"
    said: list[str] = []
    config = InferConfig(
        model=str(run), file=path, image_root=pictures, out=out, question="And now?"
    )
    assert infer_to(config, lambda text, **_: said.append(text)) == 1
    assert said == ["2 could not be answered; their lines have an error"]
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert lines[0]["id"] == 7
    assert ["answer" in line for line in lines] == [True, True, False, False]
    assert "not under" in lines[2]["error"]
    assert lines[1]["question"] == "And now?"


@pytest.mark.parametrize("line", ["{", "[]", '{"image": 1, "question": "q"}', '{"question": "q"}',
                                  '{"image": "a.png"}'])  # fmt: skip
def test_a_broken_line_is_named_and_leaves_no_file(
    line: str, pictures: Path, tmp_path: Path
) -> None:
    path = asked(tmp_path, line)
    with pytest.raises(VqaDataError, match="line 1"):
        list(questions(InferConfig(model="m", file=path, image_root=pictures)))


@pytest.mark.parametrize(
    ("options", "word"),
    [({}, "nothing"), ({"image": "a", "images": "b"}, "and"), ({"image": "a"}, "--question")],
)
def test_options_must_say_what_to_ask(options: dict[str, Any], word: str) -> None:
    with pytest.raises(OptionError, match=word):
        list(questions(InferConfig(model="m", **options)))


def test_one_picture_is_answered_on_the_terminal(run: Path, pictures: Path) -> None:
    arguments = ["infer", str(run), "--image", str(pictures / "a.png"), "--question", QUESTION]
    done = CliRunner().invoke(program, arguments)
    alone = vqatrain.load(run).answer(pictures / "a.png", QUESTION)
    assert done.exit_code == 0
    assert done.output.strip() == alone


def test_an_evaluation_goes_on_where_it_stopped(
    run: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = EvalConfig(shards=shards, model=str(run), out=tmp_path / "whole", batch_size=4)
    evaluate(whole)
    parts = whole.model_copy(update={"out": tmp_path / "parts"})
    questions_type = "vqatrain.data.Questions.example"
    real = vqatrain.data.Questions.example

    def stops(self: Any, row: int) -> Any:
        if row == 10:
            raise KeyboardInterrupt
        return real(self, row)

    monkeypatch.setattr(questions_type, stops)
    with pytest.raises(KeyboardInterrupt):
        evaluate(parts)
    monkeypatch.setattr(questions_type, real)
    with (tmp_path / "parts" / UNFINISHED).open("a") as file:
        file.write('"cut o')
    evaluate(parts.model_copy(update={"batch_size": 5}))
    for name in ("predictions.jsonl", "scores.json"):
        assert (tmp_path / "parts" / name).read_text() == (tmp_path / "whole" / name).read_text()
    assert not (tmp_path / "parts" / UNFINISHED).exists()


def test_another_evaluation_in_the_same_folder_is_refused(
    run: Path, shards: Path, tmp_path: Path
) -> None:
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / UNFINISHED).write_text("{}\n")
    with pytest.raises(OptionError, match="unfinished evaluation of other data"):
        evaluate(EvalConfig(shards=shards, model=str(run), out=tmp_path / "e"))
