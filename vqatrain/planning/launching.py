"""The commands that start a run in several processes, on one machine or several.

The addresses of several machines are left to the shell: each gets its ``NODE_RANK``, and all know
``MASTER_ADDR``, as batch systems set them.
"""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from vqadata.commands.command_line import SAY_ONCE
from vqadata.errors import EXIT_BAD_INPUT, OptionError
from vqatrain import parallel
from vqatrain.config import TrainConfig

Engine: TypeAlias = Literal["torchrun", "accelerate", "deepspeed", "megatron-swift"]
PORT = 29500

STOPPED = 128
"""A process that a signal ends has this and its number as exit status, in the words of shells."""

log = logging.getLogger(__name__)


class Machines(NamedTuple):
    """Where a run shall be at work."""

    nodes: int
    processes: int
    """On each node; one a GPU."""


def commands(
    engine: Engine, machines: Machines, command: Sequence[str], config: TrainConfig
) -> list[str]:
    """The lines of a shell that start a run; on each node the same ones.

    Args:
        engine: What starts the processes, or trains instead of this project.
        machines: How many.
        command: ``run`` or ``dpo`` with its options, as they were written.
        config: The same options, read.

    Raises:
        OptionError: There is no such preset, or Megatron cannot train what is asked for.
    """
    if config.distributed != parallel.DDP:
        parallel.read(config.distributed)
    if engine == "megatron-swift":
        return _megatron(machines, command[0], config)
    start = {"torchrun": _torchrun, "accelerate": _accelerate, "deepspeed": _deepspeed}[engine]
    words = [*start(machines), "-m" if engine != "deepspeed" else "--module", "vqatrain"]
    return [f"{' '.join(words)} {shlex.join(command)}"]


def start(lines: Sequence[str], nodes: int, verbose: bool = False) -> int:
    """Start the commands on this machine, and wait for them.

    What a process says of bad input or of a wrong option is said once, whoever comes to it first.

    Args:
        lines: What :func:`commands` gives.
        nodes: Machines.
        verbose: Show what torchrun says of it too.

    Returns:
        Exit status: that of the process that failed.

    Raises:
        OptionError: Several machines are wanted; each must be told who it is.
    """
    if nodes > 1:
        raise OptionError("--nodes", f"{nodes}", "--print", "Run what it prints on each machine.")
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        os.environ[SAY_ONCE] = str(said)
        try:
            return next(filter(None, (_start(line, said, verbose) for line in lines)), 0)
        finally:
            del os.environ[SAY_ONCE]


def _start(line: str, said: Path, verbose: bool) -> int:
    """Start a line; torchrun in this process, which tells what became of each of its own."""
    name, *words = shlex.split(line)
    if name != "torchrun":
        status = subprocess.run(["/bin/sh", "-c", line], check=False).returncode  # noqa: S603
        return EXIT_BAD_INPUT if said.exists() else status
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing import SignalException, errors

    if not verbose:
        logging.getLogger("torch.distributed.elastic.multiprocessing.api").setLevel("CRITICAL")
    try:
        torchrun.run(torchrun.parse_args(words))  # type: ignore[no-untyped-call]
    except SignalException as stopped:
        return STOPPED + int(stopped.sigval)
    except errors.ChildFailedError as error:
        if verbose or not said.exists():
            log.error("%s", error)
        status = EXIT_BAD_INPUT if said.exists() else error.get_first_failure()[1].exitcode
        return status if status > 0 else STOPPED - status
    return 0


def _torchrun(machines: Machines) -> list[str]:
    if machines.nodes == 1:
        return ["torchrun", "--standalone", f"--nproc-per-node {machines.processes}"]
    return [
        "torchrun", f"--nnodes {machines.nodes}", f"--nproc-per-node {machines.processes}",
        '--node-rank "$NODE_RANK"', '--master-addr "$MASTER_ADDR"', f"--master-port {PORT}",
    ]  # fmt: skip


def _accelerate(machines: Machines) -> list[str]:
    words = ["accelerate launch", f"--num_processes {machines.nodes * machines.processes}"]
    if machines.nodes == 1:
        return [*words, "--multi_gpu"]
    return [
        *words, "--multi_gpu", f"--num_machines {machines.nodes}", '--machine_rank "$NODE_RANK"',
        f'--main_process_ip "$MASTER_ADDR" --main_process_port {PORT}',
    ]  # fmt: skip


def _deepspeed(machines: Machines) -> list[str]:
    if machines.nodes == 1:
        return ["deepspeed", f"--num_gpus {machines.processes}"]
    return [
        "deepspeed", f"--num_nodes {machines.nodes}", f"--num_gpus {machines.processes}",
        '--no_ssh --node_rank "$NODE_RANK"', f'--master_addr "$MASTER_ADDR" --master_port {PORT}',
    ]  # fmt: skip


def _megatron(machines: Machines, kind: str, config: TrainConfig) -> list[str]:
    """The hand-over to Megatron-SWIFT: an export, and its own command with our options."""
    if config.tuning == "qlora" or kind != "run" or config.vision_tower is not None:
        raise OptionError(
            "--engine megatron-swift", "qlora, dpo or another vision tower",
            "vqatrain run with full or lora",
        )  # fmt: skip
    shards = shlex.quote(str(config.shards))
    export = shlex.quote(f"{config.out}-export")
    variables = [f"ROOT_IMAGE_DIR={export}", f"NPROC_PER_NODE={machines.processes}"]
    if machines.nodes > 1:
        variables += [
            f'NNODES={machines.nodes} NODE_RANK="$NODE_RANK"',
            'MASTER_ADDR="$MASTER_ADDR"',
        ]
    if config.max_pixels:
        variables.append(f"MAX_PIXELS={config.max_pixels}")
    step = config.batch_size * config.gradient_accumulation * machines.nodes * machines.processes
    options = {
        "model": shlex.quote(config.model), "dataset": f"{export}/train.jsonl",
        "tuner_type": config.tuning, "save_safetensors": "true",
        "tensor_model_parallel_size": machines.processes if config.tuning == "full" else 1,
        "sequence_parallel": "true", "packing": str(config.batching == "packed").lower(),
        "micro_batch_size": config.batch_size, "global_batch_size": step,
        "freeze_vit": str("vision" in config.freeze or config.tuning == "lora").lower(),
        "freeze_aligner": str("projector" in config.freeze or config.tuning == "lora").lower(),
        "lr": config.learning_rate, "seed": config.seed, "finetune": "true",
        "output_dir": shlex.quote(str(config.out)),
    }  # fmt: skip
    if config.tuning == "lora":
        options |= {"lora_rank": config.lora_rank, "lora_alpha": config.lora_alpha}
    options |= (
        {"train_iters": config.max_steps}
        if config.max_steps
        else {"num_train_epochs": config.epochs}
    )
    options |= {"max_length": config.max_tokens} if config.max_tokens else {}
    words = " ".join(f"--{name} {value}" for name, value in options.items())
    return [
        f"vqadata export ms-swift {shards} -o {export}",
        f"{' '.join(variables)} megatron sft {words}",
    ]
