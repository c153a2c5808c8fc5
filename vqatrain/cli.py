"""The ``vqatrain`` program: parse, call, print. Each command mirrors one library call."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Any

import click

from vqadata.commands.command_line import CONFIG, run_program
from vqadata.groundwork.flags import ModelCommand, build
from vqatrain.delivering import commands as delivery_commands
from vqatrain.delivering.commands import options_of
from vqatrain.planning import commands as planning_commands


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vqadata")
def program() -> None:
    """Fine-tune a vision-language model on shards, and score it.

    \b
    Example:
      vqatrain run shards --model HuggingFaceTB/SmolVLM-256M-Instruct --split train -o runs/first
      vqatrain eval shards --model runs/first --split val -o runs/first-val
    """  # noqa: D301 - \b is click's mark for text that must not be wrapped


@program.command(cls=ModelCommand, models=options_of("TrainConfig"))
@CONFIG
def run(config: Path | None, **given: Any) -> None:
    """Train a model on the shards in SHARDS.

    \b
    Example:
      vqatrain run shards --model HuggingFaceTB/SmolVLM-256M-Instruct --split train -o runs/first
      vqatrain run shards --config vqatrain/configs/easy_vqa.yaml -o runs/easy
    """  # noqa: D301
    from vqatrain.config import TrainConfig

    options = build(TrainConfig, given, config)
    _say_progress()
    from vqatrain.training.sft import run as train

    _say_finished(train(options))


@program.command()
@click.argument("run_folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--step", type=int, help="List the rows of this step.")
@click.option("--row", metavar="ID", help="List the steps of the row with this question id.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def trace(run_folder: Path, step: int | None, row: str | None, as_json: bool) -> None:
    """Say which rows each step of RUN was trained on; the whole chain is checked.

    \b
    Example:
      vqatrain trace runs/first
      vqatrain trace runs/first --step 100
      vqatrain trace runs/first --row 458752000
    """  # noqa: D301
    from vqatrain.training.trace import look_up

    found = look_up(run_folder, step, row)
    if as_json:
        click.echo(found.model_dump_json())
    elif step is None and row is None:
        click.echo(f"{found.steps:,} steps, {found.examples:,} examples, chain {found.chain}")
    else:
        click.echo("\n".join(map(str, found.found)))


@program.command(cls=ModelCommand, models=options_of("DpoConfig"))
@CONFIG
def dpo(config: Path | None, **given: Any) -> None:
    """Train a model to prefer the answers of SHARDS to the rejected ones.

    \b
    Example:
      vqatrain dpo preferences --model runs/first-merged --beta 0.1 -o runs/preferred
    """  # noqa: D301
    from vqatrain.config import DpoConfig

    options = build(DpoConfig, given, config)
    _say_progress()
    from vqatrain.training.preferences import dpo as prefer

    _say_finished(prefer(options))


@program.command(name="eval", cls=ModelCommand, models=options_of("EvalConfig"))
@click.option("--blank", is_flag=True, help="Ask all again with blank pictures; twice the time.")
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="DIR",
    help="Evaluation of another run, to compare with in the report. Repeatable.",
)
@CONFIG
def evaluate(config: Path | None, blank: bool, against: tuple[Path, ...], **given: Any) -> None:
    """Answer the questions in SHARDS with a model, score the answers, and write a report.

    \b
    Example:
      vqatrain eval shards --model runs/first --split val -o runs/first-val
      vqatrain eval shards --model runs/second --blank --against runs/first-val -o runs/second-val
      vqatrain eval shards --model base-model --adapter my-adapter -o scores
    """  # noqa: D301
    from vqatrain.config import EvalConfig

    options = build(EvalConfig, given, config)
    _say_progress()
    from vqatrain import printing
    from vqatrain.reports.reporting import report
    from vqatrain.scoring.evaluation import evaluate as score

    beside = None
    if blank:
        beside = options.out.with_name(f"{options.out.name}-blank")
        score(options.model_copy(update={"pictures": "blank", "out": beside}))
    click.echo(printing.scores(score(options)))
    page = report(options.out, options, beside, against)
    click.echo(f"predictions and scores: {options.out}")
    click.echo(f"report: {page}")


@program.command(cls=ModelCommand, models=options_of("EvalScopeConfig", "evalscope.config"))
@CONFIG
def evalscope(config: Path | None, **given: Any) -> None:
    """Have EvalScope ask a served model the questions in SHARDS, and score the answers here too.

    Writes data and task of EvalScope and says how it is run; with --run it is run. Once it has run,
    the same command scores its answers.

    \b
    Example:
      vqatrain evalscope shards --split val --model first -o runs/first-evalscope
      vqatrain evalscope shards --model first --run evalscope-env/bin/python -o scores
    """  # noqa: D301
    from vqatrain.evalscope.config import EvalScopeConfig

    options = build(EvalScopeConfig, given, config)
    from vqatrain import printing
    from vqatrain.evalscope.evaluation import bridge

    click.echo(printing.bridged(bridge(options), options.out))


@program.command(cls=ModelCommand, models=options_of("PairsConfig", "pairs.config"))
@CONFIG
def pairs(config: Path | None, **given: Any) -> None:
    """Make pairs for dpo of the wrong answers in PREDICTIONS to questions in SHARDS.

    \b
    Example:
      vqatrain eval shards --split train --model runs/first -o runs/first-train
      vqatrain pairs runs/first-train/predictions.jsonl shards -o pairs
      vqatrain dpo pairs --model runs/first -o runs/preferred
    """  # noqa: D301
    from vqatrain.pairs.config import PairsConfig

    options = build(PairsConfig, given, config)
    from vqatrain import printing
    from vqatrain.pairs.pairing import pair

    click.echo(printing.paired(pair(options), options.out))


@program.command(cls=ModelCommand, models=options_of("InferConfig"))
@CONFIG
def infer(config: Path | None, **given: Any) -> int:
    """Ask a model about a picture, a folder of pictures, or the lines of a file.

    The answer about a single picture is printed as it comes.

    \b
    Example:
      vqatrain infer runs/first --image photo.jpg --question "What is this?"
      vqatrain infer runs/first --images photos --question "Is there a mark?" -o answers.jsonl
      vqatrain infer runs/first --file questions.jsonl -o answers.jsonl
    """  # noqa: D301
    from vqatrain.answering.infer import infer_to
    from vqatrain.config import InferConfig

    return infer_to(build(InferConfig, given, config), click.echo)


@program.command(cls=ModelCommand, models=options_of("ServeConfig"))
@click.option("--print", "show", is_flag=True, help="Print the command line of vLLM instead.")
@CONFIG
def serve(show: bool, config: Path | None, **given: Any) -> int:
    """Answer requests of OpenAI's API: chat completions with pictures, batched.

    \b
    Example:
      vqatrain serve runs/first
      vqatrain serve runs/first --port 9000 --audit-log audit.jsonl
      vqatrain serve runs/first-merged --engine vllm --print
    """  # noqa: D301
    from vqatrain.config import ServeConfig
    from vqatrain.serving import server, vllm

    options = build(ServeConfig, given, config)
    if show:
        click.echo(shlex.join(vllm.command(options)))
        return 0
    _say_progress()
    if options.engine == "vllm":
        return vllm.start(options)
    server.serve(options)
    return 0


@program.command(cls=ModelCommand, models=options_of("ScoreConfig"))
@click.option("--explain", is_flag=True, help="Say where the metrics disagree, and why.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@CONFIG
def score(explain: bool, as_json: bool, config: Path | None, **given: Any) -> None:
    """Score the file PREDICTIONS against the answers in SHARDS.

    \b
    Example:
      vqatrain score runs/first-val/predictions.jsonl shards --split val
      vqatrain score answers.jsonl shards --metric all --explain
      vqatrain score run-b.jsonl shards --against run-a.jsonl
    """  # noqa: D301
    from vqatrain import printing
    from vqatrain.config import ScoreConfig
    from vqatrain.scoring.metric import all_metrics
    from vqatrain.scoring.metric_table import REFERENCE, disagreements
    from vqatrain.scoring.score import score as score_file

    found = score_file(build(ScoreConfig, given, config))
    click.echo(found.scores.model_dump_json(indent=1) if as_json else printing.scored(found))
    if explain:
        apart = disagreements(found.rows, all_metrics())
        click.echo(printing.disagreements(apart, REFERENCE), err=as_json)


@program.command()
@click.option("--table", is_flag=True, help="Print the scores of cases on which metrics differ.")
def metrics(table: bool) -> None:
    """List the metrics that are found.

    \b
    Example:
      vqatrain metrics
      vqatrain metrics --table
    """  # noqa: D301
    from vqatrain import printing
    from vqatrain.scoring.metric import all_metrics
    from vqatrain.scoring.metric_table import difference_table

    click.echo(difference_table(all_metrics()) if table else printing.metrics())


@program.command(cls=ModelCommand, models=options_of("ProveConfig"))
@CONFIG
def prove(config: Path | None, **given: Any) -> int:
    """Prove that RUN looks at pictures and learnt from answers; write it to the run card.

    The same rows are answered with their own pictures, with blank ones and with those of other
    questions. The exit status is 1 if a gate failed.

    \b
    Example:
      vqatrain prove runs/first --split val
      vqatrain prove runs/first --split val --limit 1000 --control-steps 200
    """  # noqa: D301
    from vqatrain.config import ProveConfig

    options = build(ProveConfig, given, config)
    _say_progress()
    from vqatrain import printing
    from vqatrain.training.proving import prove as prove_run

    card = prove_run(options)
    click.echo(printing.proved(card))
    return int(any(gate.state == "failed" for gate in card.gates))


@program.command()
def families() -> None:
    """List the model families that are found.

    \b
    Example:
      vqatrain families
    """  # noqa: D301
    from vqatrain import printing

    click.echo(printing.families())


def _say_progress() -> None:
    """Tell how it goes; of several processes the first one alone does."""
    from vqatrain.pace import is_main

    logging.getLogger("vqatrain").setLevel(logging.INFO if is_main() else logging.ERROR)


def _say_finished(folder: Path) -> None:
    from vqatrain.pace import is_main

    if is_main():
        click.echo(f"{folder}: finished")


for others in (planning_commands, delivery_commands):
    for command in others.COMMANDS:
        program.add_command(command)


def main() -> None:
    """Entry point of the ``vqatrain`` program."""
    run_program(program, "vqatrain")
