"""The commands by which a model goes to others: merge, export, download."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.commands.command_line import CONFIG
from vqadata.groundwork.flags import ModelCommand, build

if TYPE_CHECKING:
    from pydantic import BaseModel


def options_of(
    name: str, module: str = "config"
) -> Callable[[], Sequence[tuple[str, type[BaseModel]]]]:
    """What gives the model of a command's options, without importing it before it is asked for."""

    def models() -> Sequence[tuple[str, type[BaseModel]]]:
        home = importlib.import_module(f"vqatrain.{module}")
        return [("", getattr(home, name))]

    return models


@click.command(cls=ModelCommand, models=options_of("MergeConfig"))
@CONFIG
def merge(config: Path | None, **given: Any) -> None:
    """Merge the adapter of RUN into its base, which is never quantised, and say what differs.

    \b
    Example:
      vqatrain merge runs/first -o runs/first-merged
      vqatrain merge base-model --adapter my-adapter -o merged --precision bf16
    """  # noqa: D301
    from vqatrain.config import MergeConfig

    options = build(MergeConfig, given, config)
    from vqatrain import printing
    from vqatrain.delivering.merging import merge as merge_adapter

    click.echo(printing.merged(merge_adapter(options), options.out))


@click.command(cls=ModelCommand, models=options_of("ExportConfig", "delivering.config"))
@CONFIG
def export(config: Path | None, **given: Any) -> None:
    """Write RUN, its adapter merged, for others to run, and say what differs.

    \b
    Example:
      vqatrain export runs/first -o first-hf
      vqatrain export runs/first --format onnx -o first-onnx
    """  # noqa: D301
    from vqatrain.delivering.config import ExportConfig

    options = build(ExportConfig, given, config)
    from vqatrain import printing
    from vqatrain.delivering.exporting import export as export_model

    click.echo(printing.exported(export_model(options), options.out))


@click.command(cls=ModelCommand, models=options_of("DownloadConfig", "delivering.config"))
def download(**given: Any) -> None:
    """Fetch MODEL from the hub: safetensors alone, resumed, held against the hub's digests.

    \b
    Example:
      vqatrain download HuggingFaceTB/SmolVLM-256M-Instruct --show
      vqatrain download HuggingFaceTB/SmolVLM-256M-Instruct -o models/smolvlm
    """  # noqa: D301
    from vqatrain import printing
    from vqatrain.delivering.config import DownloadConfig
    from vqatrain.delivering.downloading import download as fetch

    options = build(DownloadConfig, given)
    done = fetch(options, lambda offer: click.echo(printing.offer(offer)))
    if done is not None:
        click.echo(f"{options.folder}: {len(done.files)} files, all as the hub says")


COMMANDS = (merge, export, download)
