"""Where a run is in its data: one number, and whose number it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vqadata.errors import OptionError

STATE_VERSION = 1
"""Version of the state; another one is refused."""


def state_of(index: int, digest: str, order: Mapping[str, object]) -> dict[str, Any]:
    """The state of a loader, ready for JSON.

    Args:
        index: Rows handed out, over all ranks and epochs.
        digest: Of the data.
        order: The options on which the order depends.
    """
    return {"version": STATE_VERSION, "index": index, "digest": digest, "order": dict(order)}


def index_from(state: Mapping[str, Any], digest: str, order: Mapping[str, object]) -> int:
    """The number in a state, if it is one of this data in this order.

    Raises:
        OptionError: It is the state of other data, of another order, or none at all.
    """
    missing = {"version", "index", "digest", "order"} - set(state)
    if missing or state["version"] != STATE_VERSION:
        found = f"no {min(missing)!r} in it" if missing else f"version {state['version']}"
        raise OptionError("state", found, f"a state of version {STATE_VERSION}")
    if state["digest"] != digest:
        raise OptionError(
            "state", f"it is of the data with digest {state['digest']}", f"digest {digest}",
            "Continue on the data with which the run began, or begin anew without the state.",
        )  # fmt: skip
    for name, value in order.items():
        if (found := state["order"].get(name)) != value:
            raise OptionError(
                "state", f"it is of the order with {name} = {found!r}", f"{name} = {value!r}",
                "Give the options with which the run began, or begin anew without the state.",
            )  # fmt: skip
    index = state["index"]
    if not isinstance(index, int) or index < 0:
        raise OptionError("state", f"index {index!r}", "a number of rows")
    return index
