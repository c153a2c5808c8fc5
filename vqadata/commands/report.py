"""``vqadata report``: the page, the numbers as JSON, and an exit status for CI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.commands.command_line import PLACE
from vqadata.groundwork.flags import ModelCommand, build

if TYPE_CHECKING:
    from pydantic import BaseModel


def _models() -> Sequence[tuple[str, type[BaseModel]]]:
    from vqadata.reports.reporting import ReportOptions

    return [("", ReportOptions)]


@click.command(cls=ModelCommand, models=_models)
@click.argument("folder", type=PLACE)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    help="The page; by default FOLDER/report.html, or here if FOLDER is a URL.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the numbers as JSON.")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="CODE",
    help="Exit with status 1 if there is a finding of this code, or of this severity (error, "
    "warning, info) or a graver one; repeatable.",
)
def report(
    folder: Path | str, out: Path | None, as_json: bool, fail_on: tuple[str, ...], **given: Any
) -> int:
    """Write the report on a data set: one HTML page that needs no network.

    It shows which rows were lost and why, every finding with its pictures, what cleaning did to
    the answers, and how the data were made. The complete lists are the Parquet files of the folder.

    \b
    Example:
      vqadata report clean
      vqadata report clean -o report.html --json --fail-on error --fail-on duplicate
    """  # noqa: D301 - \b is click's mark for text that must not be wrapped
    from vqadata.reports import report_text
    from vqadata.reports.reporting import ReportOptions
    from vqadata.reports.reporting import report as make_report
    from vqadata.reports.summary import failures

    made = make_report(folder, out, build(ReportOptions, given))
    failed = failures(made.report, fail_on)
    text = report_text.as_json if as_json else report_text.as_text
    click.echo(text(made, failed))
    return 1 if any(failed.values()) else 0
