"""The statistic of the overlay detector, collected in the pass over all pictures."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Self

from vqadata.overlay.agreement import Agreement, half_of, zone_signs
from vqadata.overlay.zone import ZONES

if TYPE_CHECKING:
    from vqadata.images.view import View

    Packed = tuple[str, bytes, bytes]


class OverlayTally:
    """The sums of all zones, by group of pictures."""

    def __init__(self) -> None:
        """Start with no group."""
        self.groups: dict[str, list[Agreement]] = {}

    def add(self, view: View, group: str) -> None:
        """Add one picture, in its native size; its digest tells the half.

        Args:
            view: The picture.
            group: What may share a mark: a host, a file, a split.

        Raises:
            BadPicture: It cannot be decoded.
        """
        grey, half = view.grey, half_of(view.digest)
        for agreement in self._group(group):
            agreement.add(zone_signs(grey, agreement.zone), half)

    def merge(self, other: Self) -> None:
        """Add what another tally has seen."""
        for group, sums in other.groups.items():
            for mine, theirs in zip(self._group(group), sums, strict=True):
                mine.merge(theirs)

    def _group(self, group: str) -> list[Agreement]:
        if group not in self.groups:
            self.groups[group] = [Agreement(zone) for zone in ZONES]
        return self.groups[group]

    def to_bytes(self) -> bytes:
        """All sums, packed; some hundred kB for a chunk of pictures."""
        import msgspec

        packed = {
            group: [_pack(part) for part in sums] for group, sums in sorted(self.groups.items())
        }
        return msgspec.msgpack.encode(packed)

    def from_bytes(self, data: bytes) -> Self:
        """The tally that :meth:`to_bytes` wrote."""
        import msgspec

        tally = type(self)()
        for group, parts in msgspec.msgpack.decode(data).items():
            for agreement, packed in zip(tally._group(group), parts, strict=True):
                _unpack(agreement, packed)
        return tally


def _pack(agreement: Agreement) -> Packed:
    """The smallest integer type that holds the sums, and both arrays."""
    import numpy as np

    top = int(np.abs(agreement.sums).max(initial=0))
    kind = next(kind for kind in ("i1", "<i2", "<i4") if top <= np.iinfo(kind).max)
    sums, edges = agreement.sums.astype(kind), agreement.edges.astype("<i4")
    return kind, zlib.compress(sums.tobytes(), 1), zlib.compress(edges.tobytes(), 1)


def _unpack(agreement: Agreement, packed: Packed) -> None:
    import numpy as np

    kind, sums, edges = packed
    agreement.sums[:] = np.frombuffer(zlib.decompress(sums), kind).reshape(agreement.sums.shape)
    agreement.edges[:] = np.frombuffer(zlib.decompress(edges), "<i4").reshape(agreement.edges.shape)
