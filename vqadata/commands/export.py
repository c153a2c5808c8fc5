"""``vqadata export``: a command for each export that is found, its options made from its fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.commands.command_line import CONFIG, OUT_FOLDER, PLACE
from vqadata.groundwork.flags import ModelCommand, build, described

if TYPE_CHECKING:
    from vqadata.steps import Export

OVERWRITE = click.option(
    "--overwrite", is_flag=True, help="Replace a finished export in the output folder."
)
SHARDS = click.argument("shards", type=PLACE)


class ExportGroup(click.Group):
    """One command for each export that is found."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the exports."""
        from vqadata import discover, exports

        return discover.names(exports)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002
        """The command of one export, its options made from the export's fields."""
        from vqadata import discover, exports
        from vqadata.engine.hiring import EngineOptions
        from vqadata.steps import Export

        kind: type[Export] = discover.find(exports, Export, cmd_name)  # type: ignore[type-abstract]
        command = ModelCommand(
            cmd_name,
            models=lambda: [("", kind), ("", EngineOptions)],
            callback=lambda **given: _export(kind, **given),
            help=described(kind, kind.example),
        )
        for option in (CONFIG, OVERWRITE, OUT_FOLDER, SHARDS):
            option(command)
        return command


@click.group(cls=ExportGroup)
def export() -> None:
    """Write shards in the format of another tool.

    \b
    Example:
      vqadata export ms-swift shards -o swift
    """  # noqa: D301 - \b is click's mark for text that must not be wrapped


def _export(
    kind: type[Export],
    shards: Path | str,
    out: Path,
    overwrite: bool,
    config: Path | None,
    **given: Any,
) -> None:
    from vqadata.commands import printing
    from vqadata.engine.hiring import EngineOptions
    from vqadata.exporting.exporting import export as export_data

    engine = build(EngineOptions, given)
    step = build(kind, given, config)
    receipt = export_data(step, shards, out, overwrite=overwrite, engine=engine)
    click.echo(printing.receipt(receipt, out))
