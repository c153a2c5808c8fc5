"""Data sets as ``dataset_info.json`` describes them; see the source ``llama-factory``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from vqadata.converting.look import COLUMNAR, look_at_file
from vqadata.errors import VqaDataError
from vqadata.layouts.chat import Conversation, Role, Utterance
from vqadata.layouts.messages import (
    ROLES,
    content,
    last_turn,
    pictures,
    undesired,
    utterance,
    utterances,
    worse_answers,
)
from vqadata.layouts.turns import earlier_turns
from vqadata.layouts.typed import MISSING_FIELD, WRONG_TYPE, BadRecord, extra_json, json_type
from vqadata.ledger import Rejection
from vqadata.reading.inputs import read_input
from vqadata.reading.json_scan import RawRecord

INFO = "dataset_info.json"

HUBS = ("hf_hub_url", "ms_hub_url", "om_hub_url", "script_url")

ALPACA = {"prompt": "instruction", "query": "input", "response": "output"}
"""Columns where an entry names none."""

SUFFIXES = (".json", ".jsonl", ".csv")


class _Entry(msgspec.Struct):
    """An entry as it stands in the file."""

    file_name: str | None = None
    formatting: str = "alpaca"
    columns: dict[str, str] = {}
    tags: dict[str, str] = {}
    split: str | None = None


class Described:
    """One data set: its files, and how a record of them becomes a conversation.

    Args:
        name: Its name.
        entry: Its description.
        folder: The folder of the description.

    Raises:
        VqaDataError: The description is not of the form.
    """

    def __init__(self, name: str, entry: Any, folder: Path) -> None:
        """Check the description."""
        self.name = name
        try:
            self._entry = msgspec.convert(entry, _Entry)
        except msgspec.ValidationError as error:
            raise VqaDataError(f"{folder / INFO}: {name}", str(error), "an entry") from None
        hub = next((hub for hub in HUBS if entry.get(hub)), None)
        path = self._entry.file_name
        self.where = f"lies on a hub, at {entry[hub]}" if hub else f"{path} is not there"
        """Where the files are that are not here."""
        self._path = None if path is None or hub else folder / path
        if self._path and not self._path.resolve().is_relative_to(folder.resolve()):
            found = f"{name}: file_name {path!r} leads out of the folder"
            raise VqaDataError(str(folder / INFO), found, "a file in it or below")

    @property
    def split(self) -> str | None:
        """The split that the description names."""
        return self._entry.split

    @property
    def is_described(self) -> bool:
        """Whether it says where its files are, as an entry does."""
        return self._path is not None or "hub" in self.where

    @property
    def is_here(self) -> bool:
        """Whether there are files of it."""
        return bool(self.files)

    @cached_property
    def files(self) -> list[Path]:
        """Its files; those in a folder in the order of their names.

        Raises:
            VqaDataError: A file is Parquet or Arrow.
        """
        path = self._path
        if path is None or not path.exists():
            return []
        inside = sorted(path.iterdir()) if path.is_dir() else [path]
        files = [file for file in inside if file == path or file.suffix.lower() in SUFFIXES]
        for file in files:
            if look_at_file(file).form in COLUMNAR:
                remedy = f"vqadata convert huggingface {file}"
                raise VqaDataError(str(file), "Parquet or Arrow", "JSON or CSV", remedy)
        return files

    def conversation(self, record: RawRecord, members: Mapping[str, Any]) -> Conversation:
        """What a record says.

        Raises:
            BadRecord: It cannot be used.
        """
        said = self._alpaca(record, members) if self._is_alpaca else self._chat(record, members)
        said = [*self._system(record, members), *said]
        worse = worse_answers(
            last_turn(self._get(members, "rejected")), self._at(record, "rejected")
        )
        chosen = self._get(members, "chosen")
        if chosen is not None and chosen != "":
            said.append(self._answer(last_turn(chosen), self._at(record, "chosen")))
        if self._get(members, "kto_tag") is False:
            said, worse = undesired(said, worse)
        listed = pictures(record, members, [c for c in [self._columns.get("images")] if c])
        used = {*self._columns.values()}
        rest = extra_json({name: value for name, value in members.items() if name not in used})
        return Conversation(said, listed, worse, rest)

    @property
    def _is_alpaca(self) -> bool:
        return self._entry.formatting == "alpaca"

    @cached_property
    def _columns(self) -> dict[str, str]:
        usual = ALPACA if self._is_alpaca else {"messages": "conversations"}
        return self._entry.columns or usual

    @cached_property
    def _names(self) -> tuple[str, str]:
        usual = ("role", "content") if self._entry.formatting == "openai" else ("from", "value")
        tags = self._entry.tags
        return tags.get("role_tag", usual[0]), tags.get("content_tag", usual[1])

    @cached_property
    def _roles(self) -> dict[str, Role]:
        """What the speakers are called."""
        roles = dict(ROLES)
        tagged: dict[str, Role] = {"user_tag": "user", "assistant_tag": "assistant"}
        for tag, role in (tagged | {"system_tag": "system"}).items():
            if tag in self._entry.tags:
                roles[self._entry.tags[tag].lower()] = role
        return roles

    def _get(self, members: Mapping[str, Any], name: str) -> Any:
        return members.get(self._columns.get(name, ""))

    def _at(self, record: RawRecord, name: str) -> str:
        return record.at(self._columns.get(name, name))

    def _system(self, record: RawRecord, members: Mapping[str, Any]) -> list[Utterance]:
        text = self._get(members, "system")
        return [_uttered("system", text, self._at(record, "system"))] if text else []

    def _chat(self, record: RawRecord, members: Mapping[str, Any]) -> list[Utterance]:
        messages = self._get(members, "messages")
        return utterances(messages, self._at(record, "messages"), self._names, self._roles)

    def _answer(self, value: Any, place: str) -> Utterance:
        """The chosen answer, a text or a message."""
        if isinstance(value, dict):
            return utterance(value, place, self._names, self._roles)
        return _uttered("assistant", value, place)

    def _alpaca(self, record: RawRecord, members: Mapping[str, Any]) -> list[Utterance]:
        asked = [self._get(members, name) for name in ("prompt", "query")]
        texts = [text for text in asked if text]
        place = self._at(record, "prompt")
        if not texts:
            expected = f"the field {self._columns.get('prompt')!r}"
            raise BadRecord(Rejection(MISSING_FIELD, place, "nothing", expected))
        for text in texts:
            if not isinstance(text, str):
                raise BadRecord(Rejection(WRONG_TYPE, place, json_type(text), "string"))
        said = earlier_turns(
            self._get(members, "history"), record, self._columns.get("history", "")
        )
        said.append(_uttered("user", "\n".join(texts), place))
        response = self._get(members, "response")
        if response is not None and response != "":
            said.append(_uttered("assistant", response, self._at(record, "response")))
        return said


def read_info(path: Path) -> dict[str, Described]:
    """The data sets of a description, by name.

    Raises:
        VqaDataError: It cannot be read, or is not of the form.
    """
    try:
        entries = msgspec.json.decode(read_input(path), type=dict[str, dict[str, Any]])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        expected = "an object of data sets by name"
        raise VqaDataError(str(path), str(error), expected, "Name dataset_info.json.") from None
    return {name: Described(name, entry, path.parent) for name, entry in entries.items()}


def entries_in(path: Path) -> dict[str, Described]:
    """The data sets of what may be a description; none if it is another file of that name."""
    try:
        found = read_info(path)
    except VqaDataError:
        return {}
    return found if any(each.is_described for each in found.values()) else {}


def _uttered(role: Role, text: Any, place: str) -> Utterance:
    if not isinstance(text, str):
        raise BadRecord(Rejection(WRONG_TYPE, place, json_type(text), "string"))
    return Utterance(role, content(text, place), place)
