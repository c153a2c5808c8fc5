"""The words by which files, folders and lists say which split they hold."""

from __future__ import annotations

import re

_SPLITS = {
    "train": "train", "training": "train", "trainset": "train", "trainval": "trainval",
    "val": "val", "valid": "val", "validate": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "testset": "test", "testdev": "testdev",
    "challenge": "challenge", "submission": "submission",
}  # fmt: skip
"""Words in file names that name a split, with its usual name."""


def split_of(name: str) -> str | None:
    """The split that a file name names.

    >>> split_of("vqaRAD_trainset.json"), split_of("testdev_questions.json"), split_of("x.json")
    ('train', 'testdev', None)
    """
    words = re.split(r"[^a-z]+", name.lower())
    return next((_SPLITS[word] for word in words if word in _SPLITS), None)


def split_of_key(key: str) -> str | None:
    """The split that a key names, if it says nothing else.

    >>> split_of_key("Validation"), split_of_key("test-dev"), split_of_key("train_images")
    ('val', 'testdev', None)
    """
    return _SPLITS.get(re.sub(r"[-_ ]", "", key.lower()))
