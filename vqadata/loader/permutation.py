"""A random order of any length, a place at a time: nothing of the length is ever laid out.

A Feistel network over the next power of two, each round keyed, whose image is walked on until it
falls into the range (Black and Rogaway, "Ciphers with Arbitrary Finite Domains", 2002).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

    Numbers: TypeAlias = np.ndarray[Any, np.dtype[np.int64]]

ROUNDS = 8
"""Rounds of the network; tests hold the order's quality against a true shuffle."""


def key_of(*parts: object) -> int:
    """A key of 64 bits from anything that can be written down (xxh3-64)."""
    import xxhash

    return int(xxhash.xxh3_64_intdigest("\0".join(map(str, parts)).encode()))


def permute(places: Numbers, length: int, key: int) -> Numbers:
    """Which of ``range(length)`` stands at each place of the order ``key``.

    Args:
        places: Places below ``length``.
        length: Length of the order.
        key: The order; each of the 2^64 is another one.
    """
    bits = max(2, (length - 1).bit_length())
    found = _network(places, bits, key)
    while (outside := found >= length).any():
        found[outside] = _network(found[outside], bits, key)
    return found


def _network(places: Numbers, bits: int, key: int) -> Numbers:
    """One keyed permutation of ``range(2 ** bits)``: two halves are mixed into each other."""
    import numpy as np

    low, high = bits // 2, bits - bits // 2
    left, right = (places >> low).astype(np.uint32), places.astype(np.uint32)
    right &= np.uint32((1 << low) - 1)
    for number, part in enumerate(_round_keys(key)):
        if number % 2:
            right ^= _mixed(left, part) >> np.uint32(32 - low)
        else:
            left ^= _mixed(right, part) >> np.uint32(32 - high)
    return (left.astype(np.int64) << low) | right


def _mixed(half: Any, key: Any) -> Any:
    """The finaliser of MurmurHash3 (Appleby): each bit of the half moves all bits."""
    import numpy as np

    mixed = half + key
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed


@lru_cache(maxsize=256)
def _round_keys(key: int) -> list[Any]:
    import numpy as np

    return [np.uint32(key_of(key, number) >> 32) for number in range(ROUNDS)]
