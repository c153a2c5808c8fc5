"""What is known of all pictures of a data set once each of them was examined."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from vqadata.cleaning.chunks import mentions, views
from vqadata.groundwork.digests import text_key
from vqadata.groundwork.paged import MappedTable
from vqadata.images.view import View
from vqadata.shards.manifest import EVIDENCE
from vqadata.shards.reader import TEXT, Shards

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from vqadata.groundwork.spill import Numbers
    from vqadata.steps import Cleaner, Tally

    Keys: TypeAlias = np.ndarray[Any, np.dtype[np.uint64]]


class Examined(NamedTuple):
    """How many pictures were looked at."""

    anew: int
    """Read, decoded and examined in this run."""
    known: int
    """Taken from the cache."""


@dataclass(frozen=True)
class Survey:
    """All pictures of a data set, as one cleaner sees them.

    Attributes:
        shards: The data set.
        file: Where :attr:`pictures` lie.
        batch_of: Number of the record batch in which each of them is first mentioned.
        tallies: The merged tallies by cleaner name.
        examined: How many pictures were looked at for it.
        output: The output folder.
        remembered: Folder of what is known from earlier runs; ``None`` if nothing is remembered.
        scratch: Folder for temporary files, which is there until all rows were judged.
        cleaner: Name of the cleaner that looks.
        examiner: Makes the survey of another data set.
    """

    shards: Shards
    file: MappedTable
    batch_of: Sequence[int]
    tallies: dict[str, Tally]
    examined: Examined
    output: Path
    remembered: Path | None = None
    scratch: Path | None = None
    cleaner: str = ""
    examiner: Callable[[Shards, Cleaner], Survey] | None = None

    @property
    def pictures(self) -> pa.Table:
        """One row a distinct picture, in order of first appearance.

        ``digest``, ``path``, ``split``, ``group``, ``bytes``, ``width``, ``height``, ``format``,
        ``mode`` and the columns of all cleaners. Mapped from a file: it does not fill the memory.
        """
        return self.file.table

    def release(self) -> None:
        """Give back the memory of the pictures that were looked at."""
        self.file.release()

    def beside(self, shards: Shards, cleaner: Cleaner) -> Survey:
        """The survey of another data set, as one cleaner looks at it."""
        if self.examiner is None:
            raise TypeError("this survey stands alone")
        return self.examiner(shards, cleaner)

    def tally(self, cleaner: Cleaner) -> Tally:
        """The merged tally of a cleaner.

        Raises:
            KeyError: It keeps none.
        """
        return self.tallies[cleaner.step_name()]

    @property
    def evidence(self) -> Path:
        """Folder for what the cleaner's findings point to, ``evidence/<cleaner>`` in the output.

        What lies in it is listed in the manifest.
        """
        folder = self.output / EVIDENCE / self.cleaner
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The picture rows in shard order, without picture bytes: ``images`` holds paths alone."""
        import pyarrow as pa

        for batch in self.shards.batches(TEXT):
            facts = batch.column("image_facts")
            paths = facts.flatten().field("path")
            named = pa.StructArray.from_arrays([paths], ["path"])
            offsets = pa.array(facts.offsets.to_numpy() - facts.offsets[0].as_py(), pa.int32())
            yield batch.append_column("images", pa.ListArray.from_arrays(offsets, named))

    def view(self, digest: str) -> View:
        """One picture again.

        Raises:
            KeyError: There is no picture of that digest.
        """
        (found,) = self.views([digest])
        return found

    def views(self, digests: Iterable[str]) -> Iterator[View]:
        """Pictures again, in file order whatever the order of ``digests``.

        Raises:
            KeyError: There is no picture of one of them.
        """
        by_batch: dict[int, set[str]] = {}
        for digest in sorted({*digests}):
            by_batch.setdefault(self.batch_of[self._row(digest)], set()).add(digest)
        for number, chosen in sorted(by_batch.items()):
            batch = self.shards.batch(number)
            first = {m.digest: m for m in reversed(list(mentions("", batch, chosen)))}
            found = sorted((first[digest] for digest in chosen), key=lambda m: m.place)
            yield from views(batch, tuple(found))
            self.shards.release(number)

    def _row(self, digest: str) -> int:
        keys, rows = self._places
        place = int(keys.searchsorted(text_key(digest)))
        while place < len(keys) and keys[place] == text_key(digest):
            row = int(rows[place])
            if self.pictures["digest"][row].as_py() == digest:
                return row
            place += 1
        raise KeyError(digest)

    @cached_property
    def _places(self) -> tuple[Keys, Numbers]:
        """Keys of all digests in ascending order, and the row of each: 16 bytes a picture."""
        import numpy as np

        chunks = self.pictures["digest"].chunks
        keys = np.fromiter((text_key(d.as_py()) for c in chunks for d in c), np.uint64)
        order = np.argsort(keys, kind="stable")
        return keys[order], order
