"""Tokens of models in users' texts are found with their place, and never passed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import VqaFiles
from vqadata import convert, open_shards, verify
from vqadata.ledger import select_entries
from vqadata.sources.coco_vqa import CocoVqa
from vqadata.words.markup import TOKEN, marks_of, neutralised

TOKENS = (
    "<image> <IMAGE> <image_1> <image 12> <img> </img> <video> <audio> <__dj__image> <|image_pad|> "
    "<|vision_start|> <|im_end|> <|endoftext|> <|image_1|> <image_soft_token> <start_of_image> "
    "<end_of_turn> <end_of_utterance> <fake_token_around_image> <row_1_col_2> <global-img> "
    "<IMG_CONTEXT> <im_patch> [IMG] [IMG_BREAK] [/INST] <s> </s> <bos> <pad> <loc0012> <ImageHere> "
    "<｜end▁of▁sentence｜>"  # noqa: RUF001
)
HARMLESS = "a < b > c", "<imaged>", "<b>bold</b>", "[image]", "x<y|z>", "<street>", "{}<>", "<| |>"


@pytest.mark.parametrize("token", ["<image 12>", *TOKENS.replace("<image 12> ", "").split(" ")])
def test_a_token_is_found_and_broken_up(token: str) -> None:
    row = {"text": f"What is {token}?", "answers": [{"answer": token}], "choices": ["a", token]}
    marks = list(marks_of(row))
    assert [(mark.path, mark.token) for mark in marks] == [
        ("text", token), ("choices[1]", token), ("answers[0].answer", token),
    ]  # fmt: skip
    assert marks[0].offset == 8
    assert list(marks_of(neutralised(row))) == []


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_is_left_alone(text: str) -> None:
    assert TOKEN.search(text) is None


def test_places_of_pictures_move_with_the_text() -> None:
    row = {
        "text": "<image> and <s> here",
        "placeholders": [{"image": 0, "offset": o} for o in (0, 9, 20)],
    }
    cured = neutralised(row)
    assert cured["text"] == "< image> and < s> here"
    assert [mark["offset"] for mark in cured["placeholders"]] == [0, 10, 22]


def with_token(files: VqaFiles) -> CocoVqa:
    files.questions[2]["question"] = "Is <image> shown?"
    files.annotations[4]["answers"][0]["answer"] = "<|im_end|>"
    return CocoVqa(**files.write())


def test_a_row_with_a_token_is_kept_with_a_remark(vqa_files: VqaFiles, tmp_path: Path) -> None:
    convert(with_token(vqa_files), tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    texts = {r.question_id: r.text for r in open_shards(tmp_path / "out").records()}
    assert len(texts) == 6
    assert texts["2"] == "Is < image> shown?"
    found = {(e.question_id, e.path, e.found) for e in select_entries(tmp_path / "out", "flagged")}
    assert found == {
        ("2", "text", "<image> at character 3"),
        ("4", "answers[0].answer", "<|im_end|> at character 0"),
    }


def test_a_row_with_a_token_may_be_quarantined(vqa_files: VqaFiles, tmp_path: Path) -> None:
    source = with_token(vqa_files).model_copy(update={"markup": "quarantine"})
    manifest = convert(source, tmp_path / "out")
    assert verify(tmp_path / "out").problems == []
    assert manifest.questions == 4
    assert manifest.balance[0].quarantined == {"markup-in-text": 2}
