"""The folder is the list: steps are found, not registered.

A module of ``vqadata.sources`` or ``vqadata.cleaners`` holds exactly one public step class. Adding
a step is adding a file; no list, no ``__init__`` and no table is edited.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import TypeVar

from vqadata.errors import OptionError
from vqadata.steps import Step

Kind = TypeVar("Kind", bound=Step)


def names(package: ModuleType) -> list[str]:
    """Names of the steps in ``package``, sorted, without importing them."""
    return sorted(
        module.name.replace("_", "-")
        for module in pkgutil.iter_modules(package.__path__)
        if not module.name.startswith("_")
    )


def find(package: ModuleType, kind: type[Kind], name: str) -> type[Kind]:
    """The step class called ``name``.

    Raises:
        OptionError: There is no step of that name; the message lists those there are.
        TypeError: The module does not hold exactly one step class (a defect of the module).
    """
    known = names(package)
    if name not in known:
        what = package.__name__.rpartition(".")[2].removesuffix("s")
        raise OptionError(
            f"{what} {name!r}", "not known", f"one of {', '.join(known)}", "Check the spelling."
        )
    module = importlib.import_module(f"{package.__name__}.{name.replace('-', '_')}")
    steps = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, kind)
        and value.__module__ == module.__name__
    ]
    if len(steps) != 1:
        raise TypeError(f"{module.__name__} must hold one {kind.__name__}, found {len(steps)}")
    return steps[0]
