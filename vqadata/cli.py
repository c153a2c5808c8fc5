"""The ``vqadata`` program: parse, call, print. Each command mirrors one library call."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.command_line import run_program
from vqadata.flags import ModelCommand, build

if TYPE_CHECKING:
    from pydantic import BaseModel

    from vqadata.steps import Source

OUT = click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Output folder."
)
CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), help="YAML file of options; flags win over it."
)
STRICT = click.option(
    "--strict", is_flag=True, help="Exit with status 1 if rows are in quarantine."
)
FOLDER = click.argument("folder", type=click.Path(path_type=Path))
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vqadata")
def program() -> None:
    """Visual question answering data: convert, clean and shard it, every row accounted for.

    \b
    Example:
      vqadata convert coco-vqa --questions q.json --annotations a.json \\
          --image-root train2014 -o shards
      vqadata clean shards -o clean
      vqadata stats clean
    """  # noqa: D301 - \b is click's mark for text that must not be wrapped


class SourceGroup(click.Group):
    """One command for each source that is found."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the sources."""
        from vqadata import discover, sources

        return discover.names(sources)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002
        """The command of one source, its options made from the source's fields."""
        from vqadata import discover, sources
        from vqadata.conversion import OutputOptions
        from vqadata.steps import Source

        source: type[Source] = discover.find(sources, Source, cmd_name)  # type: ignore[type-abstract]
        command = ModelCommand(
            cmd_name,
            models=lambda: [("", source), ("", OutputOptions)],
            callback=lambda **given: _convert(source, **given),
            help=f"{source.__doc__}\n\n\b\nExample:\n  {source.example}",
        )
        for option in (STRICT, CONFIG, OUT):
            option(command)
        return command


@program.group(cls=SourceGroup)
def convert() -> None:
    """Convert a data set to shards.

    \b
    Example:
      vqadata convert coco-vqa --questions q.json --annotations a.json \\
          --image-root train2014 -o shards
    """  # noqa: D301


def _convert(
    source: type[Source], out: Path, strict: bool, config: Path | None, **given: Any
) -> int:
    from vqadata import printing
    from vqadata.conversion import OutputOptions
    from vqadata.conversion import convert as convert_data

    options = build(OutputOptions, given)
    manifest = convert_data(build(source, given, config), out, options)
    click.echo(printing.account(manifest, out))
    return printing.exit_status(manifest, strict)


def _clean_models() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.cleaning import cleaner_kinds
    from vqadata.conversion import OutputOptions

    prefixed = [(kind.step_name().replace("-", "_"), kind) for kind in cleaner_kinds()]
    return [*prefixed, ("", OutputOptions)]


@program.command(cls=ModelCommand, models=_clean_models)
@click.argument("shards", type=click.Path(path_type=Path))
@OUT
@click.option("--only", multiple=True, metavar="CLEANER", help="Run this cleaner only; repeatable.")
@click.option(
    "--skip", multiple=True, metavar="CLEANER", help="Leave this cleaner out; repeatable."
)
@CONFIG
@STRICT
def clean(
    shards: Path,
    out: Path,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    config: Path | None,
    strict: bool,
    **given: Any,
) -> int:
    """Clean shards: broken pictures and duplicates go, with a reason for every row.

    A YAML file of options has one section a cleaner.

    \b
    Example:
      vqadata clean shards -o clean
      vqadata clean shards -o clean --skip duplicate
    """  # noqa: D301
    from vqadata import printing
    from vqadata.cleaning import choose_cleaners
    from vqadata.cleaning import clean as clean_data
    from vqadata.conversion import OutputOptions

    cleaners = [
        build(kind, given, config, kind.step_name(), kind.step_name().replace("-", "_"))
        for kind in choose_cleaners(only, skip)
    ]
    manifest = clean_data(shards, out, cleaners, build(OutputOptions, given))
    click.echo(printing.account(manifest, out))
    return printing.exit_status(manifest, strict)


@program.command()
@FOLDER
def verify(folder: Path) -> int:
    """Prove a folder: every digest, and the place of every source row.

    \b
    Example:
      vqadata verify shards
    """  # noqa: D301
    from vqadata import printing
    from vqadata.shards.verify import verify as verify_data

    outcome = verify_data(folder)
    click.echo(printing.verification(outcome, folder))
    return 1 if outcome.problems else 0


@program.command()
@click.argument("question_id")
@FOLDER
@AS_JSON
def explain(question_id: str, folder: Path, as_json: bool) -> None:
    """Tell the way of one row: its source, each step's word, its place.

    \b
    Example:
      vqadata explain 458752000 shards
    """  # noqa: D301
    from vqadata import printing
    from vqadata.story import explain as explain_row

    story = explain_row(question_id, folder)
    click.echo(printing.story_json(story) if as_json else printing.story(story))


@program.command()
@FOLDER
@AS_JSON
def stats(folder: Path, as_json: bool) -> None:
    """Answers, types, lengths, picture sizes and agreement of a data set.

    \b
    Example:
      vqadata stats shards
    """  # noqa: D301
    from vqadata import printing
    from vqadata.figures import stats as compute_stats

    figures = compute_stats(folder)
    click.echo(figures.model_dump_json(indent=1) if as_json else printing.figures(figures))


@program.command()
@FOLDER
@click.option(
    "--action", type=click.Choice(["dropped", "quarantined", "flagged"]), help="Only these rows."
)
@click.option("--reason", help="Only rows of this reason.")
@click.option("--limit", type=int, default=20, show_default=True, help="Rows to print.")
@click.option("--all", "every", is_flag=True, help="Print all rows.")
@AS_JSON
def ledger(
    folder: Path,
    action: str | None,
    reason: str | None,
    limit: int,
    every: bool,
    as_json: bool,
) -> None:
    """List the rows that were not simply kept, with place and reason.

    \b
    Example:
      vqadata ledger shards --action quarantined
    """  # noqa: D301
    from vqadata import printing
    from vqadata.ledger import select_entries

    entries = select_entries(folder, action, reason)
    for line in printing.entries(entries, None if every else limit, as_json):
        click.echo(line)


@program.group(name="map")
def field_map() -> None:
    """Field maps: which field of a custom file is which.

    \b
    Example:
      vqadata map suggest data.json > map.yaml
    """  # noqa: D301


@field_map.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--records", help="Dotted path to the list of records in a JSON document.")
def suggest(file: Path, records: str | None) -> int:
    """Propose a field map for a custom file; say what is sure and what is not.

    Exits with status 1 if a field that is needed could not be told.

    \b
    Example:
      vqadata map suggest data.json > map.yaml
      vqadata convert custom data.json --map map.yaml -o shards
    """  # noqa: D301
    from vqadata.suggest import suggest_map

    suggestion = suggest_map(file, records)
    click.echo(suggestion.to_yaml())
    return 0 if suggestion.is_complete else 1


def main() -> None:
    """Entry point of the ``vqadata`` program."""
    run_program(program, "vqadata")
