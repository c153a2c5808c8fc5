"""The order of a run: each row once a pass, packs that fit and stay apart, long rows named."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.vqatrain.test_training import config, losses
from vqadata.errors import OptionError, VqaDataError
from vqatrain import order, plan, run
from vqatrain.batches.batch import Batcher
from vqatrain.batches.packing import PackBatcher
from vqatrain.data import Example
from vqatrain.models import model as models
from vqatrain.models.family import family_named, family_names

LENGTHS = st.lists(st.integers(1, 50), min_size=1, max_size=200).map(
    lambda found: np.array(found, np.int64)
)


@given(LENGTHS, st.integers(0, 9))
def test_packs_hold_each_row_once_and_fit(lengths: Any, seed: int) -> None:
    def stretches() -> Any:
        return (order.one_pass(len(lengths), n, seed) for n in itertools.count())

    once = order.packed(itertools.islice(stretches(), 1), lengths, 50, 999, seed)
    assert sorted(once.rows.tolist()) == list(range(len(lengths)))
    longer = order.packed(stretches(), lengths, 50, len(once) + 3, seed)
    assert len(longer) == len(once) + 3
    for place in range(len(longer)):
        rows = longer.at(place)
        assert 0 < sum(lengths[rows]) <= 50
        assert place >= len(once) or rows == once.at(place)
    assert longer.at(0, len(longer)) == longer.rows.tolist()


def test_packs_are_nearly_full() -> None:
    lengths = np.random.default_rng(0).integers(20, 400, 5000)
    packs = order.packed(iter([np.arange(5000)]), lengths, 2048, 9999, 0)
    assert lengths.sum() / (len(packs) * 2048) > 0.97


@given(LENGTHS, st.integers(1, 7), st.integers(0, 3))
def test_by_length_moves_rows_between_steps_only(lengths: Any, step: int, seed: int) -> None:
    rows = order.whole(None, len(lengths), 70 * step, seed)
    laid = order.by_length(rows, lengths, step, seed)
    window = step * order.LENGTH_WINDOW
    for start in range(0, len(rows), window):
        part = slice(start, start + window)
        assert sorted(laid.rows[part]) == sorted(rows[part])
    spread = [np.ptp(lengths[laid.at(i, i + step)]) for i in range(0, 64 * step, step)]
    assert sum(spread) <= np.ptp(lengths)  # sorted steps do not overlap


NOISE = [Image.effect_noise((64, 30 + 7 * i), 60 + i).convert("RGB") for i in range(3)]
EXAMPLES = [
    Example("1", NOISE[:1], "What is it?", "red cat"),
    Example("2", [], "Who is there?", "me"),
    Example("3", NOISE[1:], "What colour have these?", "a"),
]
PACKING = [name for name in family_names() if family_named(name).packs]


@pytest.mark.parametrize("family", PACKING)
def test_packed_rows_have_the_logits_that_they_have_alone(family: str) -> None:
    torch.manual_seed(0)
    loaded = models.load(f"tiny:{family}", torch.float32, ["what colour"])
    batcher, model = Batcher(loaded), loaded.model.eval()
    pack = PackBatcher(batcher, loaded)
    with torch.inference_mode():
        alone = torch.cat([model(**batcher([each])).logits[0] for each in EXAMPLES])
        whole, rows = model(**pack(EXAMPLES)), model(**batcher(EXAMPLES))
        other = [EXAMPLES[0], *EXAMPLES[1:2], EXAMPLES[0]._replace(answer="a")]
        changed = model(**pack(other)).logits[0]
    assert (whole.logits[0] - alone).abs().max() < 1e-4
    assert whole.loss.item() == pytest.approx(rows.loss.item(), abs=1e-5)
    first = len(batcher.answer_ids(EXAMPLES[0])) + len(batcher.answer_ids(EXAMPLES[1])) + 2
    assert (changed[:first] - whole.logits[0][:first]).abs().max() < 1e-4  # other rows are unseen
    assert (changed[first] - whole.logits[0][first]).abs().max() > 1e-2


def test_families_that_pack() -> None:
    assert {"qwen2_5_vl", "qwen3_vl", "smolvlm", "internvl"} <= set(PACKING)
    with pytest.raises(OptionError, match="--batching packed: gemma3 is not packed"):
        PackBatcher(list, models.load("tiny:gemma3", torch.float32, ["a"]))  # type: ignore[arg-type]


@pytest.mark.parametrize("family", family_names())
def test_a_blank_picture_changes_no_loss(family: str) -> None:
    torch.manual_seed(0)
    loaded = models.load(f"tiny:{family}", torch.float32, ["who is there"])
    batcher, text = Batcher(loaded), EXAMPLES[1:2]
    batch = batcher.seeing(text)
    loss = loaded.model(**batch).loss
    loss.backward()
    towers = [
        w for n, w in loaded.model.named_parameters() if ".patch_embed" in n or "projector" in n
    ]
    assert all(weight.grad is not None for weight in towers)
    if family != "paligemma":  # its processor wants a picture
        assert loss.item() == pytest.approx(loaded.model(**batcher(text)).loss.item(), abs=1e-5)


def test_rows_that_do_not_fit_are_left_out_by_name(shards: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    models.save(models.load("tiny:smolvlm", torch.float32, ["a"]), tmp_path / "model")
    options: dict[str, Any] = {"model": str(tmp_path / "model"), "tuning": "full", "split": None}
    least = plan(config(shards, tmp_path, **options)).tokens.least
    options["max_tokens"] = least
    with pytest.raises(
        VqaDataError, match=rf"rows: \d+ of 32 rows have more than {least} tokens: "
    ):
        run(config(shards, tmp_path / "refused", **options))
    assert not (tmp_path / "refused").exists()
    out = run(config(shards, tmp_path / "run", **options, too_long="skip", max_steps=8))
    record = json.loads((out / "run.json").read_text())["data"]
    assert 0 < len(record["rows_too_long"]) < 32
    assert record["rows_chosen"] == 32 - len(record["rows_too_long"])
    trace = [json.loads(line) for line in (out / "trace.jsonl").read_text().splitlines()]
    assert max(row for step in trace[1:] for row in step["rows"]) < record["rows_chosen"]


@pytest.mark.slow
@pytest.mark.parametrize("batching", ["packed", "by-length"])
def test_it_learns_so(batching: str, shards: Path, tmp_path: Path) -> None:
    options = {"tuning": "full", "learning_rate": 3e-3, "max_tokens": 150, "batching": batching}
    pace = {"gradient_accumulation": 3} if batching == "packed" else {}
    course = losses(run(config(shards, tmp_path / "run", **options, **pace, max_steps=12)))
    assert course[-1] < course[0] / 3
