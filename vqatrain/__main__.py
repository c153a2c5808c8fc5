"""``python -m vqatrain`` is the ``vqatrain`` program."""

from __future__ import annotations

from collections.abc import Callable

from vqadata.commands.entry import enter


def main() -> None:
    """Entry point of the ``vqatrain`` program."""
    enter(_loaded)


def _loaded() -> Callable[[], None]:
    from vqatrain import cli

    return cli.main


if __name__ == "__main__":
    main()
