"""Pictures are found under the names that data sets use, and never outside the roots."""

from __future__ import annotations

from pathlib import Path

import pytest

from vqadata.errors import VqaDataError
from vqadata.images import resolve
from vqadata.images.book import PictureBook
from vqadata.images.embedded import EmbeddedPictures
from vqadata.images.resolve import OutsideRootError, Resolver


def folder(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def found(root: Path, name: str, deep: bool = True) -> str | None:
    match = Resolver([root], deep).find(name)
    return match.name if match else None


COCO14, COCO17 = "COCO_val2014_000000000042.jpg", "000000000042.jpg"


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        ("a/b.png", "a/b.png"),
        ("images/b.png", "b.png"),
        ("deep/down/b.png", "b.png"),
        ("deep/b.png", "other/b.png"),
        ("b.png", "b"),
        ("b.png", "a\\b.png"),
        ("coco/b.png", "/nowhere/here/coco/b.png"),
        ("b.png", "C:\\Users\\ann\\b.png"),
        (COCO17, COCO14),
        (f"val2017/{COCO17}", f"val2014/{COCO14}"),
        (f"val2014/{COCO14}", COCO17),
    ],
)
def test_a_picture_is_found(there: str, asked: str, tmp_path: Path) -> None:
    assert found(folder(tmp_path, there), asked) == there


def test_an_absolute_path_that_is_another_picture_is_not_replaced(tmp_path: Path) -> None:
    own = folder(tmp_path / "own", "b.png") / "b.png"
    with pytest.raises(OutsideRootError):
        found(folder(tmp_path / "root", "b.png"), str(own))


@pytest.mark.parametrize(
    ("there", "asked"),
    [
        (["x/b.png", "y/b.png"], "b.png"),  # two of the same name: not one is meant
        (["b.png", "b.jpg"], "b"),
        ([f"train2014/COCO_train2014_{42:012}.jpg", COCO14], COCO17),
        (["b.txt"], "b"),
        (["b.png"], "c.png"),
    ],
)
def test_what_is_not_one_picture_is_missing(there: list[str], asked: str, tmp_path: Path) -> None:
    assert found(folder(tmp_path, *there), asked) is None


def test_the_more_literal_name_wins(tmp_path: Path) -> None:
    folder(tmp_path, "b.png", "deep/b.png", "images/c.png", "other/c.png")
    assert found(tmp_path, "b.png") == "b.png"
    assert found(tmp_path, "c.png") == "images/c.png"
    assert found(tmp_path, "deep/b.png") == "deep/b.png"


def test_same_named_pictures_of_several_folders_stay_apart(tmp_path: Path) -> None:
    folder(tmp_path, "xmlab0/source.jpg", "xmlab1/source.jpg")
    assert found(tmp_path, "xmlab1/source.jpg") == "xmlab1/source.jpg"


def test_roots_are_tried_in_order(tmp_path: Path) -> None:
    roots = [folder(tmp_path / name, "b.png") for name in ("one", "two")]
    match = Resolver(roots).find("b.png")
    assert match is not None
    assert match.file == roots[0].resolve() / "b.png"


def test_a_shallow_look_searches_images_only(tmp_path: Path) -> None:
    folder(tmp_path, "deep/b.png", "images/deep/c.png")
    assert found(tmp_path, "b.png", deep=False) is None
    assert found(tmp_path, "c.png", deep=False) == "images/deep/c.png"


@pytest.mark.parametrize("name", ["../b.png", "a/../../b.png", "/etc/passwd", "a\0b", "..\\b.png"])
def test_no_way_out(name: str, tmp_path: Path) -> None:
    folder(tmp_path, "b.png", "root/a.png")
    with pytest.raises(OutsideRootError):
        Resolver([tmp_path / "root"]).find(name)


def test_links_out_of_the_root_are_not_followed(tmp_path: Path) -> None:
    folder(tmp_path, "secret.png", "root/a.png")
    (tmp_path / "root" / "link.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "root" / "deep").symlink_to(tmp_path)
    with pytest.raises(OutsideRootError):
        Resolver([tmp_path / "root"]).find("link.png")
    assert found(tmp_path / "root", "secret.png") is None


def test_a_link_to_nothing_is_no_picture(tmp_path: Path) -> None:
    """Such as git-annex and the cache of the hub leave where a file was not fetched."""
    folder(tmp_path, "there.png")
    (tmp_path / "link.png").symlink_to("there.png")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "annexed.png").symlink_to("nowhere.png")
    assert found(tmp_path, "annexed.png") is None
    assert found(tmp_path, "x/link.png") == "link.png"


def test_a_folder_that_is_a_link_out_of_the_root_is_not_entered(tmp_path: Path) -> None:
    folder(tmp_path, "elsewhere/a.png", "root/b.png")
    (tmp_path / "root" / "images").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutsideRootError):
        Resolver([tmp_path / "root"]).find("a.png")


def test_in_a_large_folder_each_name_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resolve, "LISTED", 2)
    folder(tmp_path, "images/a.png", "images/b.png", "images/c.png")
    resolver = Resolver([tmp_path])
    match = resolver.find("b.png")
    assert match is not None
    assert (match.name, match.rule) == ("images/b.png", "images-folder")
    assert resolver.find("d.png") is None
    assert not resolver.finds_none_of(["d.png"])


def test_a_wrong_prefix_is_made_up_for_by_the_end_of_the_path(tmp_path: Path) -> None:
    folder(tmp_path, "imgs/xmlab0/source.jpg", "imgs/xmlab1/source.jpg")
    match = Resolver([tmp_path]).find("/old/disk/xmlab1/source.jpg".removeprefix("/"))
    assert match is not None
    assert (match.name, match.rule) == ("imgs/xmlab1/source.jpg", "path-end")
    assert Resolver([tmp_path]).find("xmlab2/source.jpg") is None


RULES = {
    "b.png": "path",
    "c.png": "images-folder",
    "old/b.png": "file-name",
    "b": "stem",
    "b.jpeg": "stem",
    "COCO_val2014_000000000042.jpg": "coco-number",
    " b.png ": "trimmed",
    "old/c.png\n": "trimmed",
}


@pytest.mark.parametrize("asked", RULES)
def test_how_a_picture_was_found_is_said(asked: str, tmp_path: Path) -> None:
    folder(tmp_path, "b.png", "images/c.png", "000000000042.jpg")
    match = Resolver([tmp_path]).find(asked)
    assert match is not None
    assert match.rule == RULES[asked]


def contested(root: Path, *names: str) -> dict[str, bool]:
    """For each name whether its file is claimed by another picture too."""
    with EmbeddedPictures(root) as embedded:
        book = PictureBook(Resolver([root]), embedded)
        found = {name: book.find((name,)) for name in names}
        numbers = {name: book.number((name,), files, None) for name, files in found.items()}
        places = {number: book.place(number, ()) for number in set(numbers.values())}
        return {name: bool(book.contested(places[n])) for name, n in numbers.items()}


def test_one_file_is_not_given_to_two_pictures_of_its_name(tmp_path: Path) -> None:
    folder(tmp_path, "source.jpg", "b/other.jpg", "COCO_val2014_000000000042.jpg")
    claims = contested(tmp_path, "a/source.jpg", "b/source.jpg", "c/other.jpg")
    assert claims == {"a/source.jpg": True, "b/source.jpg": True, "c/other.jpg": False}
    assert not any(contested(tmp_path, f"x/{COCO14}", f"y/{COCO14}").values())


def test_a_file_stays_with_the_picture_whose_path_it_has(tmp_path: Path) -> None:
    folder(tmp_path, "a/source.jpg")
    assert contested(tmp_path, "a/source.jpg", "b/source.jpg") == {
        "a/source.jpg": False, "b/source.jpg": True,
    }  # fmt: skip


def test_a_picture_that_is_gone_since_is_one_line(tmp_path: Path) -> None:
    match = Resolver([folder(tmp_path, "a.jpg")]).find("a.jpg")
    (tmp_path / "a.jpg").unlink()
    assert match is not None
    for look in (lambda: match.size, match.read):
        with pytest.raises(VqaDataError, match=r"a\.jpg: cannot be read: No such file"):
            look()
