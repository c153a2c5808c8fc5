"""The commands that say what a run will take, and that start it in several processes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.commands.command_line import CONFIG
from vqadata.errors import EXIT_UNBALANCED
from vqadata.groundwork.flags import ModelCommand, build
from vqatrain.delivering.commands import options_of

if TYPE_CHECKING:
    from pydantic import BaseModel


def _plan_options() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.engine.hiring import EnginePlace

    return [*options_of("TrainConfig")(), ("", EnginePlace)]


@click.command(cls=ModelCommand, models=_plan_options)
@click.option("--processes", type=click.IntRange(1), help="How many; by default one.")
@click.option("--device-gb", type=float, help="Memory of each; by default that of the one here.")
@click.option("--dpo", is_flag=True, help="Plan dpo instead of run: pairs, and the reference.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@CONFIG
def plan(
    processes: int | None,
    device_gb: float | None,
    dpo: bool,
    as_json: bool,
    config: Path | None,
    **given: Any,
) -> int:
    """Say what a run on SHARDS will take: tokens of each row, padding, steps, memory, time.

    Takes the options of run. No picture is opened. --workers are those that count the tokens; by
    default one a processor where rows are many, and none where they are not. The exit status is 1
    if the run would refuse its rows as too long, or cannot fit into the memory.

    \b
    Example:
      vqatrain plan shards --model HuggingFaceTB/SmolVLM-256M-Instruct --batch-size 16
      vqatrain plan preferences --dpo --model runs/first-merged --tuning full
    """  # noqa: D301
    from vqadata.engine.hiring import EngineOptions
    from vqatrain.config import DpoConfig, TrainConfig

    options = build(DpoConfig if dpo else TrainConfig, given, config)
    engine = build(EngineOptions, given)
    from vqatrain import printing
    from vqatrain.planning.planning import plan as plan_run

    found = plan_run(options, processes, round(device_gb * 1e9) if device_gb else None, engine)
    click.echo(found.model_dump_json(indent=1) if as_json else printing.planned(found))
    refused = found.too_long and options.too_long == "refuse"
    return EXIT_UNBALANCED if refused or not found.fits else 0


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--nodes", type=click.IntRange(1), default=1, help="Machines.", show_default=True)
@click.option("--processes", type=click.IntRange(1), default=1, help="On each; one a GPU.")
@click.option(
    "--engine",
    type=click.Choice(["torchrun", "accelerate", "deepspeed", "megatron-swift"]),
    default="torchrun",
    help="What starts the processes; megatron-swift trains instead of vqatrain, on an export.",
)
@click.option("--print", "show", is_flag=True, help="Print the commands instead of starting them.")
@click.option("--verbose", is_flag=True, help="Show what torchrun says of a failure, too.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def launch(
    context: click.Context,
    nodes: int,
    processes: int,
    engine: Any,
    show: bool,
    verbose: bool,
    command: tuple[str, ...],
) -> int:
    """Start COMMAND, run or dpo with its options, in several processes, or say how it is started.

    \b
    Example:
      vqatrain launch --processes 8 run shards --model org/model --distributed zero3
      vqatrain launch --nodes 2 --processes 8 --print run shards --model org/model
      vqatrain launch --engine megatron-swift --print run shards --model org/model --tuning full
    """  # noqa: D301
    from vqatrain.planning.launching import Machines, commands, start

    lines = commands(engine, Machines(nodes, processes), command, _read(context, command))
    if show:
        click.echo("\n".join(lines))
        return 0
    return start(lines, nodes, verbose)


def _read(context: click.Context, command: Sequence[str]) -> Any:
    """The options of ``run`` or ``dpo``, as they were written."""
    from vqatrain import config

    kinds = {"run": config.TrainConfig, "dpo": config.DpoConfig}
    if command[0] not in kinds:
        raise click.UsageError(f"{command[0]!r} is neither run nor dpo")
    program: Any = context.find_root().command
    asked = program.commands[command[0]].make_context(command[0], list(command[1:]))
    given = dict(asked.params)
    return build(kinds[command[0]], given, given.pop("config", None))


COMMANDS = (plan, launch)
