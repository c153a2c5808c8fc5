"""Runs a click program the way both of ours behave: one line for an error, and an exit status."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from datetime import UTC, datetime
from importlib.abc import MetaPathFinder
from pathlib import Path

import click

from vqadata.commands.entry import EXIT_INTERRUPTED
from vqadata.errors import EXIT_BAD_INPUT, VqaDataError
from vqadata.groundwork.run_events import listen

SAY_ONCE = "VQADATA_SAY_ONCE"
"""Variable of processes that do one work: whoever makes the file of this name says the error."""

DISK_IS_FULL = ("No space left on device", "Disk quota exceeded", "unexpected pos ")
"""What libraries say of a full disk, each with an exception of its own; the last is ``torch``."""

MEMORY_IS_FULL = ("Cannot allocate memory", "failed to map segment", "Insufficient memory",
                  "can't start new thread", "cannot allocate memory")  # fmt: skip
"""What libraries, and the loader of libraries, say where there is no memory left."""

HANDLES_ARE_USED_UP = ("Too many open files",)

REFUSALS = (errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG)
"""Errors with which a system refuses a path."""

_INTERRUPTED = "interrupted; nothing that looks complete was left: give the same command again"


def _place(text: str) -> Path | str:
    """A folder, or a URL, which a path would spoil."""
    return text if "://" in text else Path(text)


PLACE = click.types.FuncParamType(_place)
"""The type of an argument that names a folder of shards."""

OUT = click.option(
    "-o", "--out", type=PLACE, metavar="FOLDER", required=True, help="Output folder, or a URL."
)
"""Where shards go."""
OUT_FOLDER = click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Output folder."
)
CONFIG = click.option(
    "--config", type=click.Path(path_type=Path), help="YAML file of options; flags win over it."
)
STRICT = click.option(
    "--strict", is_flag=True, help="Exit with status 1 if rows are in quarantine."
)


def run_program(program: click.Group, name: str) -> None:
    """Run ``program`` under its own ``name`` and leave the process with its exit status.

    Bad input, wrong options and a full disk give one line on standard error and status 2; an
    interrupt gives status 130. Everything else is a defect, and its traceback is shown.
    """
    start_logging()
    try:
        status = program.main(prog_name=name, standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        status = EXIT_BAD_INPUT
    except click.ClickException as error:
        _say(_usage_line(error))
        status = EXIT_BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        click.echo(_INTERRUPTED, err=True)
        status = EXIT_INTERRUPTED
    except VqaDataError as error:
        _say(f"error: {error}")
        status = EXIT_BAD_INPUT
    except BrokenPipeError:
        # The reader of a pipe went away (vqadata ledger DIR | head): not an error.
        sys.stderr.close()
        status = 0
    except Exception as error:
        if (told := _shortage(error)) is None:
            raise
        _say(f"error: {told}")
        status = EXIT_BAD_INPUT
    sys.exit(status if isinstance(status, int) else 0)


def _say(line: str) -> None:
    """Say an error, unless another process of the same work has said its own."""
    if SAY_ONCE in os.environ:
        try:
            Path(os.environ[SAY_ONCE]).touch(exist_ok=False)
        except FileExistsError:
            return
    click.echo(line, err=True)


def _shortage(error: Exception) -> VqaDataError | None:
    """Tell an error of a machine that has not enough of something, or refuses a path.

    ``None`` if it is none.
    """

    def says(words: tuple[str, ...]) -> bool:
        return any(each in str(error) for each in words)

    where = str(getattr(error, "filename", None) or "output")
    if says(DISK_IS_FULL):
        return VqaDataError(
            where, "cannot be written: the disk is full", "room",
            "Make room; then run the same command again, a training with --resume.",
        )  # fmt: skip
    if isinstance(error, MemoryError) or says(MEMORY_IS_FULL):
        return VqaDataError(
            "memory", "there is no more", "as much as the work takes",
            "Give the program more (ulimit -v, the limit of its container), or take fewer workers.",
        )  # fmt: skip
    if says(HANDLES_ARE_USED_UP):
        return VqaDataError(
            where, "too many open files", "a limit of 256 or more",
            "Raise it (ulimit -n), or take fewer workers.",
        )  # fmt: skip
    if isinstance(error, OSError) and error.errno in REFUSALS and error.filename:
        return VqaDataError(
            where, os.strerror(error.errno).lower(), "a path that this user may read or write",
            "Choose another place, or change its rights.",
        )  # fmt: skip
    return None


def spare_pandas() -> None:
    """Keep pyarrow from importing pandas, for half a second, to ask whether a list is a series.

    This is for a program that has no series, not for a library. Whoever else imports pandas gets
    it, and pyarrow asks again when something is to become a frame.
    """
    sys.meta_path.insert(0, _NoPandasForArrow())


class _NoPandasForArrow(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: object = None) -> None:  # noqa: ARG002
        """Refuse pandas where no module but ours, or pyarrow itself, is at work."""
        if fullname != "pandas":
            return
        frame = sys._getframe(1)
        while frame.f_back and frame.f_globals.get("__name__", "").startswith("importlib."):
            frame = frame.f_back
        if frame.f_globals.get("__name__", "").partition(".")[0] in ("vqadata", "pyarrow"):
            raise ModuleNotFoundError(fullname, name=fullname)


def start_logging() -> None:
    """Send log lines to standard error: progress as it is, warnings and errors by name."""
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("vqadata").setLevel(logging.INFO)


def _log_as_json(ctx: click.Context, option: click.Parameter, given: bool) -> None:  # noqa: ARG001
    if given:
        for handler in logging.getLogger().handlers:
            handler.setFormatter(_JsonFormatter())
        logging.getLogger("vqadata.told").setLevel(logging.DEBUG)


LOG_JSON = click.option(
    "--log-json",
    is_flag=True,
    expose_value=False,
    callback=_log_as_json,
    help="Log one JSON object a line on standard error: messages, progress, and a summary.",
)


def _tell_of_runs(ctx: click.Context, option: click.Parameter, place: str | None) -> None:  # noqa: ARG001
    if place is not None:
        listen(place)


LINEAGE = click.option(
    "--lineage",
    metavar="FILE|URL",
    expose_value=False,
    callback=_tell_of_runs,
    help="Tell what is read and made, as OpenLineage events: a line each in a file, or a POST each "
    "to an address.",
)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "message": record.getMessage()}
        return json.dumps(line | getattr(record, "told", {}), ensure_ascii=False)


class _LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        return line if record.levelno <= logging.INFO else f"{record.levelname.lower()}: {line}"


def _usage_line(error: click.ClickException) -> str:
    """The message of click on one line, with the way to the help of the command that failed."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context else ""
    stop = "" if message.endswith("?") else "."
    return f"error: {message}{stop}" + (f" See: {path} --help" if path else "")
