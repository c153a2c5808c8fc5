"""Several processes reach the losses of one, in every mode; none waits for a picture."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import encoded
from tests.vqatrain.conftest import COLOURS
from tests.vqatrain.several import train
from tests.vqatrain.test_training import losses
from vqadata import convert
from vqadata.errors import OptionError
from vqadata.sources.messages import Messages
from vqatrain import TrainConfig, run
from vqatrain.models.model import load
from vqatrain.parallel import arguments, presets, shards_weights

ROOT = Path(__file__).parent.parent.parent
ONE = {"lora_dropout": 0.0, "threads": 1, "logging_steps": 1, "report_to": "none", "batch_size": 4}
COMMON: dict[str, Any] = {
    "model": "tiny:qwen2_5_vl", "max_steps": 3, "warmup_steps": 1, "learning_rate": 3e-3, **ONE,
}  # fmt: skip
PAIRS = {"dpo": True, "asked_rows": 3}

TUNINGS = ("full", "lora", "qlora")
SOME = [
    ("zero2_offload", "full"), ("zero3", "full"), ("zero3", "qlora"), ("fsdp2", "full"),
    ("fsdp2", "lora"),
]  # fmt: skip
SOME_PAIRS = [("zero3", "full"), ("zero3", "lora"), ("fsdp2", "full"), ("fsdp2", "qlora")]
ALL = [(mode, tuning) for mode in presets() for tuning in TUNINGS]
MODES, PAIR_MODES = (ALL, ALL) if "VQATRAIN_ALL_MODES" in os.environ else (SOME, SOME_PAIRS)
"""What is held; all of it takes eight minutes on a quiet machine."""

GOES_ON: dict[str, dict[str, Any]] = {
    "answers": {"tuning": "full"},
    "packed": {"tuning": "lora", "batching": "packed", "max_tokens": 150},
    "pairs": {"tuning": "lora", **PAIRS},
}
"""Runs that one process begins with two workers, and two processes go on with without any."""


def row(number: int) -> dict[str, Any]:
    """Every other row has no picture."""
    colour, mark = COLOURS[number % 4], "<image>" if number % 2 else ""
    said = [{"role": "user", "content": f"{mark}What colour is part {number}?"},
            {"role": "assistant", "content": colour}]  # fmt: skip
    return {
        "messages": said,
        "images": [f"{number % 4}.png"] if number % 2 else [],
        "rejected_response": COLOURS[(number + 1) % 4],
    }


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mixed")
    for number, colour in enumerate(COLOURS):
        (folder / f"{number}.png").write_bytes(encoded(colour, (64, 64)))
    (folder / "rows.jsonl").write_text("".join(json.dumps(row(n)) + "\n" for n in range(16)))
    rows = Messages(data=[folder / "rows.jsonl"], split="train", text_only="keep")
    convert(rows, folder / "shards")
    convert(rows, folder / "watched")
    return folder / "shards"


@pytest.fixture(scope="module")
def alone(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs in one process."""
    out = tmp_path_factory.mktemp("alone")
    common = COMMON | {"shards": mixed, "eval_shards": watched(mixed)}
    for tuning in TUNINGS:
        train(common | {"out": out / tuning, "tuning": tuning})
        train(common | {"out": out / f"dpo-{tuning}", "tuning": tuning, **PAIRS})
    begun = common | {"save_steps": 1, "workers": 2, "batch_size": 2, "gradient_accumulation": 2}
    for name, options in GOES_ON.items():
        train(begun | options | {"out": out / name})
    return out


def watched(mixed: Path) -> str:
    """Rows that are answered meanwhile."""
    return str(mixed.parent / "watched")


@pytest.fixture(scope="module")
def several(mixed: Path, alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All modes, one after the other, in two processes that are started once."""
    out = tmp_path_factory.mktemp("several")
    options = COMMON | {"shards": str(mixed), "batch_size": 1, "gradient_accumulation": 2}
    options["eval_shards"] = watched(mixed)
    jobs = [
        options | more | {"out": str(out / f"{name}{mode}-{tuning}"), "tuning": tuning,
                          "distributed": mode}
        for name, more, modes in (("", {}, MODES), ("dpo-", PAIRS, PAIR_MODES))
        for mode, tuning in modes
    ]  # fmt: skip
    for name, more in GOES_ON.items():
        checkpoint = str(alone / name / "checkpoints" / "checkpoint-1")
        jobs.append(options | more | {"out": str(out / name), "resume": checkpoint})
    (out / "jobs.json").write_text(json.dumps(jobs))
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
         "-m", "tests.vqatrain.several", str(out / "jobs.json")],
        capture_output=True, text=True, check=False, timeout=60 * len(jobs), cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1",
                          "TORCH_EXTENSIONS_DIR": str(out / "compiled")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return out


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "tuning"), MODES)
def test_several_processes_reach_the_losses_of_one(
    mode: str, tuning: str, alone: Path, several: Path
) -> None:
    same_run(several / f"{mode}-{tuning}", alone / tuning, tuning)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "tuning"), PAIR_MODES)
def test_several_processes_prefer_as_one(
    mode: str, tuning: str, alone: Path, several: Path
) -> None:
    found, expected = several / f"dpo-{mode}-{tuning}", alone / f"dpo-{tuning}"
    same_run(found, expected, tuning)
    assert losses(found)[-1] < losses(found)[0] - 0.01
    answers = [json.loads((f / "run.json").read_text())["answers"] for f in (found, expected)]
    assert answers[0] == answers[1]


def same_run(found: Path, expected: Path, tuning: str) -> None:
    """Losses, scores, rows and weights are those of one process."""
    assert losses(found) == pytest.approx(losses(expected), abs=1e-3)
    assert scores(found) == pytest.approx(scores(expected), abs=1e-3)
    assert (found / "trace.jsonl").read_bytes() == (expected / "trace.jsonl").read_bytes()
    ours, theirs = (json.loads((f / "run.json").read_text()) for f in (found, expected))
    assert ours["parameters"] == theirs["parameters"]
    weights, others = saved(found, tuning), saved(expected, tuning)
    assert weights.keys() == others.keys()
    assert max(float((weights[name] - others[name]).abs().max()) for name in weights) < 2e-3


def scores(folder: Path) -> list[float]:
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [value for entry in log for name, value in entry.items() if name.startswith("eval_")]


def saved(folder: Path, tuning: str) -> dict[str, torch.Tensor]:
    if tuning == "full":
        state: dict[str, torch.Tensor] = load(
            str(folder / "model"), torch.float32
        ).model.state_dict()
        return state
    return load_file(folder / "adapter" / "adapter_model.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", GOES_ON)
def test_a_run_goes_on_in_more_processes(name: str, alone: Path, several: Path) -> None:
    assert losses(several / name) == pytest.approx(losses(alone / name)[1:], abs=1e-4)
    trace = (several / name / "trace.jsonl").read_bytes()
    assert trace == (alone / name / "trace.jsonl").read_bytes()


@pytest.mark.slow
def test_nothing_was_compiled(several: Path) -> None:
    assert not (several / "compiled").exists()


def test_presets_are_what_they_say() -> None:
    assert {"ddp", "zero1", "zero2", "zero3", "zero3_offload", "fsdp2"} <= set(presets())
    assert {name for name in presets() if shards_weights(name)} == {
        "zero3", "zero3_offload", "fsdp2",
    }  # fmt: skip


def test_a_process_of_its_own_shares_nothing() -> None:
    with pytest.raises(OptionError, match="zero2 in a process of its own"):
        arguments("zero2")
    with pytest.raises(OptionError, match="'zero9' cannot be read; expected one of ddp, fsdp2"):
        arguments("zero9")


def test_kernels_of_a_gpu_are_refused_without_one(shards: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--liger: no GPU"):
        run(TrainConfig(shards=shards, out=tmp_path / "run", liger=True, **COMMON))
    assert not (tmp_path / "run").exists()


LAUNCH = ["launch", "--nodes", "2", "--processes", "8", "--print"]
RUN = ["run", "my shards", "--model", "org/m", "--batch-size", "2"]
SWIFT = [*LAUNCH, "--engine", "megatron-swift"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["launch", "--processes", "8", "--print"], "torchrun --standalone --nproc-per-node 8 -m"),
        (LAUNCH, '--nnodes 2 --nproc-per-node 8 --node-rank "$NODE_RANK" --master-addr'),
        ([*LAUNCH, "--engine", "accelerate"], "--num_processes 16 --multi_gpu --num_machines 2"),
        ([*LAUNCH, "--engine", "deepspeed"], "deepspeed --num_nodes 2 --num_gpus 8 --no_ssh"),
        (SWIFT, "vqadata export ms-swift 'my shards' -o"),
        (SWIFT, "--micro_batch_size 2 --global_batch_size 32"),
    ],
)
def test_commands_are_printed(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from vqatrain.cli import program

    program.main([*options, *RUN], standalone_mode=False)
    printed = capsys.readouterr().out
    assert said in printed
    assert "'my shards'" in printed


FAILING = """
import os, click
from vqadata.commands.command_line import run_program
from vqadata.errors import OptionError
@click.command()
def program():
    {body}
run_program(program, "program")
"""


REFUSED = "raise OptionError('--model', 'none', 'one')"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "verbose", "status", "more"),
    [
        (REFUSED, False, 2, False),
        (REFUSED, True, 2, True),
        ("os._exit(3)", False, 3, True),
        ("os.kill(os.getpid(), 9)", False, 137, True),
    ],
)
def test_what_fails_is_said_once(
    body: str, verbose: bool, status: int, more: bool, tmp_path: Path
) -> None:
    (tmp_path / "failing.py").write_text(FAILING.format(body=body))
    line = f"torchrun --standalone --nproc-per-node 2 {tmp_path / 'failing.py'}"
    started = (
        f"from vqatrain.planning.launching import start; exit(start([{line!r}], 1, {verbose}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", started], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == status
    assert ("Root Cause" in done.stderr) == more
    said = done.stderr.splitlines()
    assert said.count("error: --model: none; expected one") == (body == REFUSED)
    assert more or len(said) == 1


@pytest.mark.parametrize(("rank", "said"), [("0", ["runs/a: finished"]), ("1", [])])
def test_the_first_of_several_processes_speaks_for_all(
    rank: str, said: list[str], shards: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    from vqatrain.cli import program

    def finish(config: TrainConfig) -> Path:
        logging.getLogger("vqatrain.training").info("labels are proved")
        return config.out

    monkeypatch.setenv("RANK", rank)
    monkeypatch.setattr("vqatrain.training.sft.run", finish)
    program.main(
        ["run", str(shards), "--model", "tiny:smolvlm", "-o", "runs/a"], standalone_mode=False
    )
    assert capsys.readouterr().out.splitlines() == said
    assert len(caplog.messages) == len(said)


def test_what_megatron_cannot_train_is_refused() -> None:
    from vqatrain.cli import program

    with pytest.raises(OptionError, match="--engine megatron-swift: qlora"):
        program.main([*SWIFT, *RUN, "--tuning", "qlora"], standalone_mode=False)


def test_a_preset_that_is_not_there_is_refused_before_it_is_printed() -> None:
    from vqatrain.cli import program

    with pytest.raises(OptionError, match="--distributed: 'zero9' cannot be read"):
        program.main([*LAUNCH, *RUN, "--distributed", "zero9"], standalone_mode=False)
