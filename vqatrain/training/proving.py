"""Proves a finished run: does it look at the pictures, did it learn from the answers?

What is found lies in ``gates.json`` in the run folder, the answers beside it in ``gates/``, and the
run card is written anew.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, get_args

from vqadata.errors import OptionError
from vqatrain.config import EvalConfig, ProveConfig, ScoreConfig, TrainConfig, View
from vqatrain.models import model as models
from vqatrain.scoring.evaluation import PREDICTIONS, evaluate
from vqatrain.scoring.score import score
from vqatrain.training import card, gates
from vqatrain.training.gates import Control, Fall, Gates
from vqatrain.training.sft import run

METRIC = "exact-match"


def prove(config: ProveConfig) -> card.Card:
    """Ask a run with other pictures, and train it on other answers.

    Args:
        config: Which run, and on which rows.

    Returns:
        The run card, with the gates.

    Raises:
        OptionError: It is no finished run, or an option does not fit.
    """
    if not (config.run / models.RUN_FILE).is_file():
        raise OptionError("RUN", f"{config.run}: no run.json in it", "a finished run")
    given = json.loads((config.run / "config.json").read_text(encoding="utf-8"))
    if config.control_steps is not None and "beta" in given:
        raise OptionError("--control-steps", "a run of vqatrain dpo", "one of vqatrain run")
    shutil.rmtree(config.run / gates.FOLDER, ignore_errors=True)  # of an earlier proof
    (config.run / gates.FILE).unlink(missing_ok=True)
    asked = {"shards": config.shards or given["shards"], **_rows(config)}
    found = _looks(config, asked, _control(config, given))
    (config.run / gates.FILE).write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return card.write(config.run)


def _rows(config: ProveConfig) -> dict[str, Any]:
    return {"split": config.split, "where": config.where}


def _looks(config: ProveConfig, asked: dict[str, Any], control: Control | None) -> Gates:
    """Answer the same rows with each view of the pictures, and compare."""
    folder = config.run / gates.FOLDER
    options = {**asked, "limit": config.limit, "batch_size": config.batch_size}
    model = str(config.run)
    views = {
        view: evaluate(
            EvalConfig(
                model=model, out=folder / view, pictures=view, threads=config.threads, **options
            )
        )
        for view in get_args(View)
    }

    def fall(view: View) -> Fall:
        own, other = (folder / name / PREDICTIONS for name in ("own", view))
        scored = score(ScoreConfig(predictions=own, against=other, missing="skip", **asked))
        gain = scored.gains[METRIC]
        value = views[view].value(METRIC) or 0.0
        return Fall(score=value, lost=-gain.score, low=-gain.high, high=-gain.low)

    return Gates(
        data_digest=views["own"].data_digest,
        rows=views["own"].questions,
        metric=METRIC,
        own=views["own"].value(METRIC) or 0.0,
        blank=fall("blank"),
        shuffled=fall("shuffled"),
        control=control,
        **_rows(config),
    )


def _control(config: ProveConfig, given: dict[str, Any]) -> Control | None:
    """Train as the run was trained, for some steps, on the answers of other rows.

    The learning rate falls to its end within these steps, which lowers this loss rather than that
    of the run.
    """
    steps = config.control_steps
    if steps is None:
        return None
    changes = {
        "out": config.run / gates.FOLDER / "control", "max_steps": steps, "resume": None,
        "save_steps": None, "report_to": "none", "eval_shards": None, "eval_split": None,
        "logging_steps": max(1, min(given["logging_steps"], steps // 8)),
    }  # fmt: skip
    folder = run(TrainConfig.model_validate(given | changes), control=True)
    losses = (_late_loss(folder, steps), _late_loss(config.run, steps))
    for part in (models.MODEL_FOLDER, models.ADAPTER_FOLDER, models.BASE_FOLDER):
        shutil.rmtree(folder / part, ignore_errors=True)  # nobody should use it
    return Control(steps=steps, loss=losses[0], loss_of_run=losses[1])


def _late_loss(folder: Path, steps: int) -> float:
    """Mean loss of the last quarter of so many steps."""
    entries = [entry for entry in card.log_of(folder) if "loss" in entry]
    logged = [(int(entry["step"]), float(entry["loss"])) for entry in entries]
    late = [loss for step, loss in logged if 3 * steps / 4 < step <= steps]
    late = late or [loss for step, loss in logged if step >= steps][:1] or [logged[-1][1]]
    return sum(late) / len(late)
