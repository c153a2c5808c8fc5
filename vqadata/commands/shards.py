"""``vqadata shards``: look into folders of shards, and write them anew."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.commands.command_line import OUT, PLACE
from vqadata.groundwork.flags import ModelCommand, build

if TYPE_CHECKING:
    from pydantic import BaseModel

FOLDER = click.argument("folder", type=PLACE)
FIELD = click.option(
    "--field",
    multiple=True,
    metavar="FIELD",
    help="Only this field of the record; pictures stands for what is known of them. Repeatable.",
)
SKIP_DAMAGE = click.option(
    "--skip-damage", is_flag=True, help="Leave damaged batches out, and say so."
)


@click.group()
def shards() -> None:
    """Look into folders of shards, and write them anew. Wherever one is read, a URL will do.

    \b
    Example:
      vqadata shards info clean
      vqadata shards head clean --field text --field answer
      vqadata shards merge vqa okvqa -o both
    """  # noqa: D301 - \b is click's mark for text that must not be wrapped


@shards.command()
@FOLDER
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def info(folder: Path | str, as_json: bool) -> None:
    """Say what a folder holds, by its manifest.

    \b
    Example:
      vqadata shards info clean
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.shards.contents import info as look

    found = look(folder)
    click.echo(found.model_dump_json(indent=1) if as_json else printing.shard_info(found))


@shards.command()
@FOLDER
@FIELD
@SKIP_DAMAGE
def cat(folder: Path | str, field: tuple[str, ...], skip_damage: bool) -> None:
    """Print all questions as JSON lines.

    The bytes of their pictures are left out.

    \b
    Example:
      vqadata shards cat clean --field question_id --field answer > answers.jsonl
    """  # noqa: D301
    _print_rows(folder, field, None, skip_damage)


@shards.command()
@FOLDER
@FIELD
@click.option(
    "-n", "--limit", type=click.IntRange(min=0), default=10, show_default=True,
    help="Questions to print.",
)  # fmt: skip
@SKIP_DAMAGE
def head(folder: Path | str, field: tuple[str, ...], limit: int, skip_damage: bool) -> None:
    """Print the first questions as JSON lines.

    \b
    Example:
      vqadata shards head clean -n 3
    """  # noqa: D301
    _print_rows(folder, field, limit, skip_damage)


def _print_rows(
    folder: Path | str, fields: Sequence[str], limit: int | None, skip_damage: bool
) -> None:
    import json

    from vqadata.shards.contents import rows
    from vqadata.shards.read_options import ReadOptions
    from vqadata.shards.reader import open_shards

    opened = open_shards(folder, ReadOptions(on_damage="skip" if skip_damage else "fail"))
    for row in rows(opened, fields, limit):
        click.echo(json.dumps(row, ensure_ascii=False))


def _output_models() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.converting.conversion import OutputOptions

    return [("", OutputOptions)]


@shards.command(cls=ModelCommand, models=_output_models)
@click.argument("folders", metavar="SHARDS...", nargs=-1, required=True, type=PLACE)
@OUT
def merge(folders: tuple[Path | str, ...], out: Path | str, **given: Any) -> None:
    """Put data sets together, rows and accounts.

    Ledgers and the accounts of all input files come along. Pictures that several of them show in
    the same split are stored once.

    \b
    Example:
      vqadata shards merge vqa okvqa -o both
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.converting.conversion import OutputOptions
    from vqadata.rearranging.merging import merge as merge_data

    with _progress(folders) as progress:
        manifest = merge_data(folders, out, build(OutputOptions, given), progress)
    click.echo(printing.account(manifest, out))


@shards.command(cls=ModelCommand, models=_output_models)
@FOLDER
@OUT
def repack(folder: Path | str, out: Path | str, **given: Any) -> None:
    """Write the same rows in shards of another size.

    \b
    Example:
      vqadata shards repack clean -o small --shard-mb 32
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.converting.conversion import OutputOptions
    from vqadata.rearranging.merging import repack as repack_data

    with _progress([folder]) as progress:
        manifest = repack_data(folder, out, build(OutputOptions, given), progress)
    click.echo(printing.account(manifest, out))


@contextmanager
def _progress(folders: Sequence[Path | str]) -> Iterator[Callable[[int], None] | None]:
    """A bar of picture rows, on a terminal only."""
    from vqadata.shards.reader import open_shards

    if not sys.stderr.isatty():
        yield None
        return
    count = sum(open_shards(folder).manifest.pictures for folder in folders)
    with click.progressbar(length=count, label="picture rows", file=sys.stderr) as bar:
        yield bar.update
