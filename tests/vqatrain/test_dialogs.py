"""A turn of a conversation is trained and asked with its system prompt and the turns before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import encoded
from vqadata import convert
from vqadata.errors import VqaDataError
from vqadata.sources.messages import Messages
from vqatrain.batches.batch import IGNORED, Batcher
from vqatrain.batches.lengths import measure
from vqatrain.config import DataOptions
from vqatrain.data import Questions
from vqatrain.models import model as models


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A conversation of three turns under a system prompt, and a question of its own."""
    folder = tmp_path_factory.mktemp("spoken")
    (folder / "a.png").write_bytes(encoded("red", (64, 64)))
    said = [
        ("system", "Be short."), ("user", "<image>What is it?"), ("assistant", "a cup"),
        ("user", "Whose?"), ("assistant", "mine"), ("user", "Which colour?"), ("assistant", "red"),
    ]  # fmt: skip
    told = [{"role": role, "content": text} for role, text in said]
    lone = [{"role": "user", "content": "<image>Whose?"}, {"role": "assistant", "content": "hers"}]
    rows = [{"messages": turns, "images": ["a.png"]} for turns in (told, lone)]
    (folder / "rows.json").write_text(json.dumps(rows))
    convert(Messages(data=[folder / "rows.json"], image_root=[folder]), folder / "shards")
    return folder / "shards"


def test_a_turn_knows_those_before_it(spoken: Path) -> None:
    questions = Questions(DataOptions(shards=spoken, where="answer != 'mine'"))
    found = [questions.example(row) for row in range(len(questions))]
    assert [each.system for each in found] == ["Be short.", "Be short.", None]
    assert [each.before for each in found] == [
        (), (("What is it?", "a cup"), ("Whose?", "mine")), (),
    ]  # fmt: skip


@pytest.mark.parametrize("family", ["smolvlm", "qwen2_5_vl", "internvl", "llava", "gemma3"])
def test_the_prompt_holds_the_conversation_and_labels_the_last_answer(
    family: str, spoken: Path
) -> None:
    questions = Questions(DataOptions(shards=spoken, where="turn IS NOT NULL"))
    loaded = models.load(f"tiny:{family}", models.choose_dtype("fp32"), questions.texts())
    batcher, last = Batcher(loaded), questions.example(2)
    text = batcher.prompt(last)
    places = [text.index(said) for said in ("Be short.", "a cup", "Whose?", "mine", "colour")]
    assert places == sorted(places)
    batch = batcher([last])
    labelled = [token for token in batch["labels"][0].tolist() if token != IGNORED]
    assert labelled == batcher.answer_ids(last)
    lengths = measure(batcher, questions)
    assert lengths.total[2] == batch["input_ids"].shape[1], "and plan counts all of it"


def test_turns_that_a_template_has_no_place_for_are_named(spoken: Path) -> None:
    questions = Questions(DataOptions(shards=spoken))
    loaded = models.load("tiny:smolvlm", models.choose_dtype("fp32"), questions.texts())
    loaded.processor.chat_template = "{{ raise_exception('no system turn') }}"
    with pytest.raises(VqaDataError, match=r"question .*refuses it: no system turn"):
        measure(Batcher(loaded), questions)
