"""``vqadata convert``: a command for each source that is found, options made from its fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqadata.commands.command_line import CONFIG, OUT, PLACE, STRICT
from vqadata.groundwork.flags import ModelCommand, build, described

if TYPE_CHECKING:
    from vqadata.steps import Source


TOLD = click.option(
    "-o",
    "--out",
    type=PLACE,
    metavar="FOLDER",
    help="Output folder, or a URL; without it the layout is told, and nothing is written.",
)

SHOWN = 10
"""Files that are named where many were not read."""


class SourceGroup(click.Group):
    """One command for each source that is found."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the sources."""
        from vqadata import discover, sources

        return ["auto", *discover.names(sources)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:  # noqa: ARG002
        """The command of one source, its options made from the source's fields."""
        from vqadata import discover, sources
        from vqadata.converting.conversion import OutputOptions
        from vqadata.engine.hiring import EngineOptions
        from vqadata.steps import Source

        if cmd_name == "auto":
            return _auto_command()
        source: type[Source] = discover.find(sources, Source, cmd_name)  # type: ignore[type-abstract]
        command = ModelCommand(
            cmd_name,
            models=lambda: [("", source), ("", EngineOptions), ("", OutputOptions)],
            callback=lambda **given: _convert(source, **given),
            help=described(source, source.example),
        )
        for option in (STRICT, CONFIG, OUT):
            option(command)
        return command


def _auto_command() -> click.Command:
    from vqadata.converting.conversion import OutputOptions
    from vqadata.engine.hiring import EngineOptions
    from vqadata.steps import Source

    command = ModelCommand(
        "auto",
        models=lambda: [("", Source), ("", EngineOptions), ("", OutputOptions)],
        callback=_convert_auto,
        help="Tell the layout of a file or a folder, say why, and convert it, if -o is given.\n\n"
        "Refuses where several layouts fit or none does. Pictures are looked for in the whole "
        "folder, unless --image-root is given.\n\n"
        "\b\nExample:\n  vqadata convert auto GQA/questions\n"
        "  vqadata convert auto GQA/questions --image-root GQA/images -o shards",
        params=[click.Argument(["path"], type=click.Path(path_type=Path))],
    )
    for option in (STRICT, CONFIG, TOLD):
        option(command)
    return command


def _convert_auto(path: Path, **given: Any) -> int:
    from vqadata.stores.incoming import arriving

    with arriving(str(given["out"] or path), given["scratch"]) as incoming:
        return _convert_as_told(path, incoming.path(path), given)


def _convert_as_told(given_path: Path, path: Path, given: dict[str, Any]) -> int:
    """Tell the layout of what a path names, which lies at another where it is a URL."""
    from vqadata.converting.recognition import recognise
    from vqadata.stores.address import shown

    told = recognise(path)
    click.echo(f"{shown(given_path)}: {told.source.step_name()}, because {told.why}")
    if told.unread:
        more = f", and {len(told.unread) - SHOWN} more" if len(told.unread) > SHOWN else ""
        click.echo(f"not read: {', '.join(told.unread[:SHOWN])}{more}")
    if given["out"] is None:
        click.echo("nothing was written; to convert it, give -o FOLDER")
        return 0
    if path.is_dir() and not given["image_root"]:
        given["image_root"] = (path,)
    return _convert(told.source, **(given | told.options))


@click.group(cls=SourceGroup)
def convert() -> None:
    """Convert a data set to shards.

    Not sure which of these it is? vqadata convert auto PATH tells.

    \b
    Example:
      vqadata convert coco-vqa --questions q.json --annotations a.json \\
          --image-root train2014 -o shards
    """  # noqa: D301


def _convert(
    source: type[Source], out: Path | str, strict: bool, config: Path | None, **given: Any
) -> int:
    from vqadata.commands import printing
    from vqadata.converting.conversion import OutputOptions
    from vqadata.converting.conversion import convert as convert_data
    from vqadata.engine.hiring import EngineOptions

    options, engine = build(OutputOptions, given), build(EngineOptions, given)
    manifest = convert_data(build(source, given, config), out, options, engine)
    click.echo(printing.account(manifest, out))
    return printing.exit_status(manifest, strict)
