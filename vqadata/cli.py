"""The ``vqadata`` program: parse, call, print. Each command mirrors one library call."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vqadata.commands.command_line import (
    CONFIG,
    LINEAGE,
    LOG_JSON,
    OUT,
    PLACE,
    STRICT,
    run_program,
    spare_pandas,
)
from vqadata.commands.convert import convert
from vqadata.commands.export import export
from vqadata.commands.report import report
from vqadata.commands.shards import shards as shard_tools
from vqadata.groundwork.flags import ModelCommand, build, check_sections

if TYPE_CHECKING:
    from pydantic import BaseModel

FOLDER = click.argument("folder", type=PLACE)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="vqadata")
@LOG_JSON
@LINEAGE
def program() -> None:
    """Visual question answering data: convert, clean and shard it, every row accounted for.

    \b
    Example:
      vqadata convert coco-vqa --questions q.json --annotations a.json \\
          --image-root train2014 -o shards
      vqadata clean shards -o clean
      vqadata stats clean
    """  # noqa: D301 - \b is click's mark for text that must not be wrapped


def _clean_models() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.cleaning.cleaning import cleaner_kinds
    from vqadata.cleaning.examination import ExaminationOptions
    from vqadata.converting.conversion import OutputOptions

    prefixed = [(kind.flags_begin(), kind) for kind in cleaner_kinds()]
    return [*prefixed, ("", ExaminationOptions), ("", OutputOptions)]


@program.command(cls=ModelCommand, models=_clean_models)
@click.argument("shards", type=PLACE)
@OUT
@click.option("--only", multiple=True, metavar="CLEANER", help="Run this cleaner only; repeatable.")
@click.option(
    "--skip", multiple=True, metavar="CLEANER", help="Leave this cleaner out; repeatable."
)
@click.option("--report-only", is_flag=True, help="Drop and mask nothing; flag what would be.")
@CONFIG
@STRICT
def clean(
    shards: Path | str,
    out: Path | str,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    report_only: bool,
    config: Path | None,
    strict: bool,
    **given: Any,
) -> int:
    """Clean shards: broken pictures and duplicates go, with a reason for every row.

    What is doubtful stays and is flagged. A picture is decoded once, and what was found in it is
    remembered: a run that was stopped goes on where it was. A YAML file of options has one section
    a cleaner, such as audit: {aspect: 3, action: [blurred=drop]}; other options are flags.

    \b
    Example:
      vqadata clean shards -o clean
      vqadata clean shards -o clean --skip duplicate
      vqadata clean shards -o clean --audit-action blurred=drop --audit-action gps=strip
    """  # noqa: D301
    from vqadata.cleaning.cleaning import choose_cleaners
    from vqadata.cleaning.cleaning import clean as clean_data
    from vqadata.cleaning.examination import ExaminationOptions
    from vqadata.cleaning.findings import finding_counts
    from vqadata.commands import printing
    from vqadata.converting.conversion import OutputOptions

    if config:
        check_sections(config, [kind.step_name() for kind in choose_cleaners()])
    cleaners = [
        build(kind, given, config, kind.step_name(), kind.flags_begin())
        for kind in choose_cleaners(only, skip)
    ]
    writing, looking = build(OutputOptions, given), build(ExaminationOptions, given)
    logging.getLogger("vqadata").setLevel(logging.INFO)
    manifest = clean_data(shards, out, cleaners, writing, looking, report_only)
    click.echo(printing.findings(finding_counts(out), out))
    for line in printing.leakage(out):
        click.echo(line)
    click.echo(printing.account(manifest, out))
    return printing.exit_status(manifest, strict)


def _split_models() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.converting.conversion import OutputOptions
    from vqadata.rearranging.shares import SplitOptions

    return [("", SplitOptions), ("", OutputOptions)]


@program.command(cls=ModelCommand, models=_split_models)
@click.argument("shards", type=PLACE)
@OUT
@CONFIG
def split(shards: Path | str, out: Path | str, config: Path | None, **given: Any) -> None:
    """Split shards into parts by picture.

    No picture, and no conversation, is in two of them. The part of a picture depends on its bytes,
    the seed and the shares alone, so it stays where it is when others are added.

    \b
    Example:
      vqadata split clean -o parts --part train=0.8 --part val=0.1 --part test=0.1
      vqadata split clean -o parts --within train --part train=0.9 --part dev=0.1
    """  # noqa: D301
    from vqadata.converting.conversion import OutputOptions
    from vqadata.rearranging.shares import SplitOptions
    from vqadata.rearranging.splitting import split as split_data
    from vqadata.versions import version_text

    how, options = build(SplitOptions, given, config), build(OutputOptions, given)
    outcome = split_data(shards, out, how, options)
    click.echo(version_text.parts(outcome, out))


def _regroup_models() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.converting.conversion import OutputOptions
    from vqadata.rearranging.regrouping import RegroupOptions

    return [("", RegroupOptions), ("", OutputOptions)]


@program.command(cls=ModelCommand, models=_regroup_models)
@click.argument("shards", type=PLACE)
@OUT
@CONFIG
def regroup(shards: Path | str, out: Path | str, config: Path | None, **given: Any) -> None:
    """Mend leaks: move rows so that no two splits have a picture in common.

    SHARDS were cleaned, and what was found there is taken at its word. Rows go to the split that
    must most be unseen, none is lost, and each that moves is in the ledger.

    \b
    Example:
      vqadata clean shards -o clean
      vqadata regroup clean -o regrouped
    """  # noqa: D301
    from vqadata.converting.conversion import OutputOptions
    from vqadata.rearranging.regrouping import RegroupOptions
    from vqadata.rearranging.regrouping import regroup as regroup_data
    from vqadata.versions import version_text

    how, options = build(RegroupOptions, given, config), build(OutputOptions, given)
    outcome = regroup_data(shards, out, how, options)
    click.echo(version_text.moves(outcome, out))


@program.command()
@click.argument("a", type=PLACE)
@click.argument("b", type=PLACE)
@click.option(
    "--only", type=click.Choice(["added", "removed", "changed"]), help="Only rows of this kind."
)
@click.option(
    "--field",
    multiple=True,
    metavar="FIELD",
    help="Compare rows by this field only; pictures stands for their bytes. Repeatable.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=5,
    show_default=True,
    help="Rows to print of each kind.",
)
@AS_JSON
def diff(
    a: Path | str,
    b: Path | str,
    only: Literal["added", "removed", "changed"] | None,
    field: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> int:
    """Say what changed from data set A to data set B: rows, pictures, reasons, and what was done.

    Exits with status 0 if rows, pictures and the reasons of the ledgers are equal, 1 if not. With
    --only or --field, nothing but these rows counts.

    \b
    Example:
      vqadata diff shards clean
      vqadata diff old new --only changed --field answer --json
    """  # noqa: D301
    from vqadata.versions import version_text
    from vqadata.versions.comparison import diff as compare

    found = compare(a, b, field)
    kinds = (only,) if only else version_text.KINDS
    view = version_text.View(kinds, whole=not (only or field))
    json_lines, lines = version_text.difference_json, version_text.difference
    for line in json_lines(found, view) if as_json else lines(found, view, limit):
        click.echo(line)
    return 0 if view.equal(found) else 1


@program.command()
@click.argument("folder", type=PLACE)
@click.option("--sha256", is_flag=True, help="Compare the sha256 of the shards, too.")
def verify(folder: Path | str, sha256: bool) -> int:
    """Prove a folder: all digests, all source rows.

    Each byte is compared with the manifest, and each row of the source files is found once, in the
    shards or in the ledger. The digests of batches (xxh3) notice every accident. If you fear
    deceit, add --sha256.

    \b
    Example:
      vqadata verify shards
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.shards.verify import verify as verify_data

    outcome = verify_data(folder, sha256)
    click.echo(printing.verification(outcome, folder))
    return 1 if outcome.problems else 0


@program.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--from",
    "places",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="A copy of the folder, what its last step read, or the files that it was converted from; "
    "repeatable.",
)
def repair(folder: Path, places: tuple[Path, ...]) -> None:
    """Rebuild damaged or missing files of a folder, byte for byte.

    They are taken from a copy, or the last step is done again; nothing takes their place but what
    has the digest of the manifest.

    \b
    Example:
      vqadata repair clean --from shards
      vqadata repair shards --from VQA
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.rearranging.repairing import repair as repair_data

    click.echo(printing.repaired(repair_data(folder, places), folder))


@program.command()
@click.argument("question_id")
@FOLDER
@AS_JSON
def explain(question_id: str, folder: Path | str, as_json: bool) -> None:
    """Tell the way of one row: its source, each step's word, its place.

    \b
    Example:
      vqadata explain 458752000 shards
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.reports.story import explain as explain_row

    story = explain_row(question_id, folder)
    click.echo(printing.story_json(story) if as_json else printing.story(story))


@program.command()
@FOLDER
@AS_JSON
def stats(folder: Path | str, as_json: bool) -> None:
    """Answers, types, lengths, picture sizes and agreement of a data set.

    \b
    Example:
      vqadata stats shards
    """  # noqa: D301
    from vqadata.commands import printing
    from vqadata.reports.figures import stats as compute_stats

    figures = compute_stats(folder)
    click.echo(figures.model_dump_json(indent=1) if as_json else printing.figures(figures))


@program.command()
@FOLDER
@click.option(
    "--action",
    type=click.Choice(["dropped", "quarantined", "flagged", "masked"]),
    help="Only these rows.",
)
@click.option("--reason", help="Only rows of this reason.")
@click.option("--limit", type=int, default=20, show_default=True, help="Rows to print.")
@click.option("--all", "every", is_flag=True, help="Print all rows.")
@AS_JSON
def ledger(
    folder: Path | str,
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
    from vqadata.commands import printing
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
    from vqadata.converting.suggest import suggest_map

    suggestion = suggest_map(file, records)
    click.echo(suggestion.to_yaml())
    return 0 if suggestion.is_complete else 1


program.add_command(convert)
program.add_command(export)
program.add_command(report)
program.add_command(shard_tools)
shard_tools.add_command(verify)
shard_tools.add_command(split)


def main() -> None:
    """Entry point of the ``vqadata`` program."""
    spare_pandas()
    run_program(program, "vqadata")
