"""Levenshtein distance: the least number of characters to insert, delete or replace."""

from __future__ import annotations


def edit_distance(one: str, other: str) -> int:
    """The distance of two texts; O(length x length) time, O(length) memory.

    >>> edit_distance("kitten", "sitting"), edit_distance("", "abc")
    (3, 3)
    """
    if len(one) > len(other):
        one, other = other, one
    row = list(range(len(one) + 1))
    for place, letter in enumerate(other, start=1):
        diagonal, row[0] = row[0], place
        for at, mine in enumerate(one, start=1):
            replaced = diagonal + (mine != letter)
            diagonal, row[at] = row[at], min(replaced, row[at] + 1, row[at - 1] + 1)
    return row[-1]
