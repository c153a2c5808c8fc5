"""Groups: things that are alike in pairs, brought together.

What makes a pair is the caller's affair: pictures of one question, equal bytes, near-duplicates.
Groups are transitive: if a is paired with b and b with c, then a, b and c are one group. That is
what a split needs, where nothing alike may be torn apart; it is not what a search for duplicates
needs, which must compare each picture with the one that is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vqadata.groundwork.spill import Numbers


def group_members(count: int, left: Numbers, right: Numbers) -> Numbers:
    """The group of each of ``count`` things, named by its smallest member.

    Every root that is paired with a smaller one is hung under it, then all paths are made short;
    that halves the roots of a group at least every second round (after Shiloach and Vishkin 1982).

    Args:
        count: The things are ``0 .. count-1``.
        left: One thing of each pair.
        right: The other thing of each pair.

    Returns:
        The smallest member of the group of each thing, an array of length ``count``.

    >>> import numpy as np
    >>> group_members(5, np.array([3, 1]), np.array([1, 4])).tolist()
    [0, 1, 2, 1, 1]
    """
    import numpy as np

    root: Numbers = np.arange(count, dtype=np.int64)
    while True:
        one, other = root[left], root[right]
        apart = one != other
        if not apart.any():
            return root
        left, right, one, other = left[apart], right[apart], one[apart], other[apart]
        np.minimum.at(root, np.maximum(one, other), np.minimum(one, other))
        root = _flattened(root)


def _flattened(root: Numbers) -> Numbers:
    """Every thing right under the root of its tree."""
    while ((above := root[root]) != root).any():
        root = above
    return root
