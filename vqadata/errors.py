"""The errors that users see: where it happened, what was found, what was expected, what to do.

Every error that a bad input can cause is a :class:`VqaDataError`. The command lines print it as one
line and exit with :data:`EXIT_BAD_INPUT`; anything else that escapes is a defect of this project.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EXIT_UNBALANCED = 1
"""Exit status when the rows do not add up, or ``--strict`` found rows in quarantine."""

EXIT_BAD_INPUT = 2
"""Exit status when a command could not do its work because of what it was given."""


class VqaDataError(Exception):
    """Input that cannot be used, told in the four parts that a user needs.

    Args:
        where: The file, folder, option or record (``annotations.json: annotations[12].answers``).
        found: What is there.
        expected: What should be there, or an empty string where nothing can be said.
        remedy: What to do about it.
    """

    def __init__(self, where: str, found: str, expected: str = "", remedy: str = "") -> None:
        """Keep the parts, so that a program can read them one by one."""
        self.where = where
        self.found = found
        self.expected = expected
        self.remedy = remedy
        super().__init__(self._sentence())

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes part by part."""
        return type(self), (self.where, self.found, self.expected, self.remedy)

    def _sentence(self) -> str:
        expected = f"; expected {self.expected}" if self.expected else ""
        remedy = f". {self.remedy}" if self.remedy else ""
        return f"{self.where}: {self.found}{expected}{remedy}"


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Say it in one line where a file that was found cannot be read: it may be gone by now.

    Raises:
        VqaDataError: It cannot be read.
    """
    try:
        yield
    except OSError as error:
        raise VqaDataError(str(path), f"cannot be read: {error.strerror}") from None


class ShardError(VqaDataError):
    """A shard folder that is unfinished, damaged, of another version or none at all."""


class DamageError(ShardError):
    """A batch, or a whole shard, whose bytes are not those of the manifest."""


class OptionError(VqaDataError):
    """An option or a configuration key that is unknown, missing or of the wrong kind."""


class MissingExtraError(VqaDataError, ImportError):
    """A library of an optional extra is not installed."""

    def __init__(self, step: str, extra: str, library: str) -> None:
        """Name the step that needs ``library`` and the extra that brings it."""
        self._needs = (step, extra, library)
        super().__init__(
            where=step,
            found=f"the package {library!r} is not installed",
            remedy=f"Install it with: pip install 'vqadata[{extra}]'",
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes."""
        return type(self), self._needs
