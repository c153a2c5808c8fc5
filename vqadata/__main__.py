"""``python -m vqadata`` is the ``vqadata`` program."""

from __future__ import annotations

from collections.abc import Callable

from vqadata.commands.entry import enter


def main() -> None:
    """Entry point of the ``vqadata`` program."""
    enter(_loaded)


def _loaded() -> Callable[[], None]:
    from vqadata import cli

    return cli.main


if __name__ == "__main__":
    main()
