"""Groups near-duplicates around the picture that is kept: stars, never chains.

Where a is like b and b like c, a and c need not be alike: chains of pairs join pictures that have
nothing in common. In a star every member was compared with the kept picture itself, so each has its
own evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from vqadata.images.near_pairs import NearPair


def stars(pairs: Iterable[NearPair], order: Sequence[int]) -> dict[int, tuple[int, NearPair]]:
    """Give each near-duplicate the picture that is kept instead of it.

    Args:
        pairs: Pictures that are alike.
        order: All pictures, the best one first. A picture that is no member yet becomes the middle
            of a star, and what is like it and free its members.

    Returns:
        For each member the middle of its star, and the pair that says so.
    """
    near: defaultdict[int, list[tuple[int, NearPair]]] = defaultdict(list)
    for pair in pairs:
        near[pair.left].append((pair.right, pair))
        near[pair.right].append((pair.left, pair))
    members: dict[int, tuple[int, NearPair]] = {}
    kept: set[int] = set()
    for picture in order:
        if picture in near and picture not in members:
            kept.add(picture)
            for other, pair in sorted(near[picture]):
                if other not in kept:
                    members.setdefault(other, (picture, pair))
    return members
