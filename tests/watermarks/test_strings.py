"""Which texts are marks, and which are content: keys, words, recurrence, repetition, guards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqadata.cleaning.text_engine import TextLine
from vqadata.errors import OptionError
from vqadata.overlay.paper import is_paper
from vqadata.watermarks.content import Asked, is_clinical, is_page
from vqadata.watermarks.ground import lies_askew, lies_over
from vqadata.watermarks.key import key, plain
from vqadata.watermarks.lexicon import Lexicon, Scene
from vqadata.watermarks.marks import Reading, Strings
from vqadata.watermarks.questions import gather
from vqadata.watermarks.recurrence import Place, clusters, recurring
from vqadata.watermarks.repetition import repeated
from vqadata.watermarks.spot import Spot

PHOTO, FILM = Scene(1, 40.0), Scene(3, 0.0)


def spot(
    text: str, x: float = 300, y: float = 460, high: float = 14, turn: float = 0, sure: float = 0.9
) -> Spot:
    """A text around a place of a picture of 640 x 480; by default small, near the lower edge."""
    import math

    wide = high * 0.6 * max(len(text), 1)
    cos, sin = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    corners: list[float] = []
    for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        a, b = dx * wide / 2, dy * high / 2
        corners += [x + a * cos - b * sin, y + a * sin + b * cos]
    return Spot(TextLine(text, sure, tuple(corners)), key(text), 640, 480)


def reading(digest: str, *spots: Spot, colourful: float = 40.0) -> Reading:
    return Reading(digest, "g", list(spots), colourful, 0.6)


def found(*readings: Reading) -> dict[str, list[str]]:
    """Texts that are marks, by picture."""
    strings = Strings(readings, Lexicon())
    return {r.digest: [mark.spot.line.text for mark in strings.marks(r)] for r in readings}


@given(st.text())
def test_keys_of_any_text_can_be_keyed_again(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert not any(letter.isdigit() and letter.isdecimal() for letter in key(text))
    assert key(plain(text)) == key(text)


@pytest.mark.parametrize(
    "text",
    ["shutterstock", "shuttersteck", "www.alamy.com gettyimages", "图虫创意", "来自 视觉中国",
     "© 2019", "(c) Jane Doe", "All rights reserved", "Photo by A. Petrov", "2019 Maria Lopez",
     "www.flickr.com/photos/jane", "my-site.ru", "摄影 张伟", "2014 R.Mendes",
     "Bild: Karl Weber", "REX Features ref 6755292", "版权归原作者所有",
     "Uploader:StevenJWhite,Source:X"],
)  # fmt: skip
def test_small_text_near_the_edge_that_says_so_is_a_mark(text: str) -> None:
    assert Lexicon().find(spot(text), PHOTO) is not None


@pytest.mark.parametrize(
    "text",
    ["STOP", "Main Street", "HOSPITAL", "Philips", "Portable toilets", "PHARMACY", "北京路",
     "YAMAHA", "Sample sale", "University of Life", "in stock now", "2019", "12:30", "Open source"],
)  # fmt: skip
def test_words_of_the_street_are_none(text: str) -> None:
    lexicon = Lexicon()
    assert lexicon.find(spot(text, y=240, high=60), PHOTO) is None
    if text != "Open source":
        assert lexicon.find(spot(text), PHOTO) is None


@pytest.mark.parametrize("text", ["www.bakery.com", "Photo by Jane", "@cafe_roma"])
def test_addresses_count_only_small_and_near_the_edge(text: str) -> None:
    lexicon = Lexicon()
    assert lexicon.find(spot(text), PHOTO)
    for other in (spot(text, y=240), spot(text, high=60), spot(text, turn=5)):
        assert lexicon.find(other, PHOTO) is None
    assert lexicon.find(spot(text), Scene(20, 40.0)) is None


def test_an_address_across_the_middle_counts_if_it_is_all_that_is_written() -> None:
    lexicon = Lexicon()
    assert lexicon.find(spot("www.bakery.com", x=320, y=240, high=40), PHOTO)
    for other in (
        spot("www.bakery.com", x=320, y=240, high=40, turn=5),
        spot("www.bakery.com", x=320, y=140, high=40),
        spot("Fresh bread www.bakery.com", x=320, y=240, high=40),
    ):
        assert lexicon.find(other, PHOTO) is None
    assert lexicon.find(spot("www.bakery.com", x=320, y=240, high=40), Scene(3, 40.0)) is None


@pytest.mark.parametrize("text", ["Copyright", "All rights reserved", "严禁转载"])
def test_a_claim_across_the_middle_counts_if_it_is_all_that_is_written(text: str) -> None:
    lexicon = Lexicon()
    assert lexicon.find(spot(text, x=320, y=240, high=60), PHOTO)
    assert lexicon.find(spot(text, x=320, y=240, high=60), Scene(3, 40.0)) is None
    assert lexicon.find(spot(f"{text} Office Ltd", x=320, y=240, high=60), PHOTO) is None


def test_scanner_words_count_only_on_films() -> None:
    for text in ("ST. MARY HOSPITAL", "PORTABLE AP ERECT", "85 kVp 4 mAs", "北京协和医院"):
        assert Lexicon().find(spot(text, y=12), FILM) is not None
        assert Lexicon().find(spot(text, y=240), FILM) is None
        assert Lexicon().find(spot(text, y=12), PHOTO) is None


def test_a_stamp_counts_turned_or_as_the_only_word_in_the_middle() -> None:
    lexicon = Lexicon()
    assert lexicon.find(spot("SAMPLE", y=240, high=60, turn=30), Scene(5, 40.0))
    assert lexicon.find(spot("SAMPLE", y=240, high=60), PHOTO)
    assert lexicon.find(spot("SAMPLE", y=240, high=60), Scene(3, 40.0)) is None
    assert lexicon.find(spot("SAMPLE", y=60, high=60), PHOTO) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("SAMPLE IMAGE", True), ("DRAFT DRAFT DRAFT", True), ("PROOF Bakery", False)],
)
def test_a_stamp_is_half_of_what_is_said(text: str, told: bool) -> None:
    across = spot(text, y=240, high=60, turn=30)
    assert (Lexicon().find(across, PHOTO) is not None) is told


def test_the_beginning_of_a_long_word_tells_it() -> None:
    lexicon = Lexicon()
    for text, told in (("CONFIDEN", True), ("CONFIDE", False), ("Confider", False)):
        assert (lexicon.find(spot(text, y=240, high=60, turn=30), PHOTO) is not None) is told
    assert lexicon.find(spot("dreamsti"), PHOTO)


@pytest.mark.parametrize(
    "text",
    [
        "Photo: Reuters / K. Ito",
        "Image credit: NASA",
        "AP Photo/J. Kim",
        "AP PhotofJ. Kim",
        "Reuters / Mary Poe",
        "图/新华社",
        "lens ID 7746781",
        "Jo Lind 2018",
    ],
)
def test_credits_are_told_by_how_they_begin(text: str) -> None:
    assert Lexicon().find(spot(text), PHOTO)
    assert Lexicon().find(spot(text, y=240), PHOTO) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("Se: 3 Im: 12", True), ("TR 500", True), ("DOE JOHN F 047Y", True), ("Thk 5.0 mm", True),
     ("T12", False), ("L4/L5", False), ("Fig 3", False)],
)  # fmt: skip
def test_fields_of_a_scanner_are_told_with_their_value(text: str, told: bool) -> None:
    assert (Lexicon().find(spot(text, y=12), FILM) is not None) is told


def test_a_claim_needs_its_sign_or_its_place() -> None:
    lexicon = Lexicon()
    office = spot("Copyright Office", y=150, high=30, turn=4)
    assert lexicon.find(office, PHOTO) is None
    assert lexicon.find(spot("Copyright Tom Becker"), PHOTO)
    assert lexicon.find(spot("© pixhaven", y=240, high=60), PHOTO)
    assert lexicon.find(spot("© pixhaven", y=240, high=60), Scene(8, 40.0)) is None


def test_marks_set_in_the_middle_by_eye_recur_there() -> None:
    pictures = [
        reading(str(n), spot("northlight", 320 + 8 * dx, 240 + 6 * dy, high=50))
        for n, (dx, dy) in enumerate([(-3, 2), (0, 0), (3, -2), (2, 3)])
    ]
    assert all(found(*pictures).values())
    elsewhere = [reading(str(n), spot("STOP HERE", 90 + 120 * n, 100 + 70 * n)) for n in range(4)]
    assert not any(found(*elsewhere).values())


def test_what_recurs_beneath_a_headline_belongs_to_the_design() -> None:
    covers = [
        reading(str(n), spot("Harbour Press"), spot(title, y=120, high=50))
        for n, title in enumerate(["Night", "The River", "Small Gods"])
    ]
    assert not any(found(*covers).values())
    plain_ones = [reading(str(n), spot("Harbour Press")) for n in range(3)]
    assert all(found(*plain_ones).values())


def test_lines_of_a_meme_are_no_mark_and_one_line_alone_is() -> None:
    above = "NOT SURE IF MONDAY"
    memes = [
        reading(str(n), spot(above, y=50, high=48), spot(below, y=430, high=44))
        for n, below in enumerate(["SUCH WOW", "ME EXPLAINING", "MY CAT EVERY MORNING"])
    ]
    assert not any(found(*memes).values())
    alone = [reading(str(n), spot(above, y=50, high=48)) for n in range(3)]
    assert all(found(*alone).values())


def test_a_publisher_below_a_title_is_no_scanner() -> None:
    publisher = spot("Oxford University Press", y=460)
    grey_cover = reading("a", spot("History of Maps", y=160, high=60), publisher, colourful=0.0)
    assert found(grey_cover) == {"a": []}
    assert found(reading("b", publisher, colourful=0.0))["b"] == ["Oxford University Press"]


def test_letters_that_can_just_be_read_are_small_in_a_small_picture() -> None:
    line = spot("www.skyline-pics.com", x=150, y=200, high=22)
    small, large = line._replace(width=320, height=220), spot("www.skyline-pics.com", high=52)
    assert small.size > 0.08
    assert Lexicon().find(small, PHOTO)
    assert Lexicon().find(large, PHOTO) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [("@urban_wanders", True), ("@urban wanders", True), ("@ab", False), ("meet me @ nine", False)],
)
def test_names_in_a_network_may_lose_their_dash(text: str, told: bool) -> None:
    assert (Lexicon().find(spot(text), PHOTO) is not None) is told


def test_a_sheet_is_of_any_level_but_black() -> None:
    import numpy as np

    photo = np.random.default_rng(1).integers(0, 256, (200, 300)).astype(np.uint8)
    for level, told in ((250, True), (128, True), (28, True), (2, False)):
        sheet = np.full((200, 300), level, np.uint8)
        sheet[:80] = photo[:80]
        assert is_paper(sheet) is told
    assert not is_paper(photo)


def test_a_score_is_content_wherever_it_recurs() -> None:
    scores = [
        reading(str(n), spot(f"BAY {n} - 2 MIL", 120, 30), spot("NBCTV", 560, 30)) for n in range(4)
    ]
    assert all(marks == ["NBCTV"] for marks in found(*scores).values())


def test_what_is_said_in_several_frames_is_no_mark() -> None:
    for text, marks in (("Where are you going?", []), ("northlight pictures", None)):
        frames = [reading(str(n), spot(text, 320, 440, high=40)) for n in range(4)]
        assert all(said == ([text] if marks is None else marks) for said in found(*frames).values())
    notes = [reading(str(n), spot("Taken at the old lake.", 320, 460)) for n in range(4)]
    assert all(found(*notes).values())


def test_names_along_the_streets_of_a_map_are_no_tile() -> None:
    copies = [spot("Church Street", 150 + 200 * n, 200, turn=-14) for n in range(2)]
    assert repeated(copies) == copies
    streets = [spot("Mill Lane", 200, 400, turn=40), spot("River Walk", 400, 400, turn=70)]
    assert repeated([*copies, *streets], paper=True) == []
    assert repeated([*copies, *streets[:1]], paper=True) == copies
    assert repeated([*copies, *streets]) == copies


def test_misread_copies_across_a_picture_are_a_tile() -> None:
    texts = ["gettyn", "gettyut", "nages"]
    copies = [spot(t, 100 + 150 * n, 240, turn=-40) for n, t in enumerate(texts)]
    assert [one.line.text for one in repeated(copies)] == ["gettyn", "gettyut"]
    assert repeated([spot(text, 300, 100 + 90 * n) for n, text in enumerate(texts)]) == []


@pytest.mark.parametrize(("turn", "texts", "told"), [(30, 1, 1), (30, 4, 0), (5, 1, 0)])
def test_one_text_askew_across_the_middle_was_laid_over(turn: float, texts: int, told: int) -> None:
    words = ["northlight", "Alpha", "Beta", "Gamma"][:texts]
    spots = [spot(word, 320, 240 + 60 * n, high=40, turn=turn) for n, word in enumerate(words)]
    assert len(found(reading("a", *spots)._replace(laid_over=True))["a"]) == told
    assert found(reading("a", *spots))["a"] == []


def test_a_picture_of_a_word_is_none() -> None:
    assert lies_askew(spot("STAR", 320, 240, high=60, turn=-26))
    assert not lies_askew(spot("STAR", 320, 240, high=240, turn=-26))


def test_only_a_busy_ground_shows_that_a_text_was_laid_over() -> None:
    import cv2
    import numpy as np

    noise = np.random.default_rng(1).integers(0, 255, (24, 32)).astype(np.uint8)
    busy = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_LINEAR) // 2
    even = np.full((480, 640), 60, np.uint8)
    across = spot("northlight", 320, 240, high=40, turn=30)
    for ground, told in ((busy, True), (even, False)):
        matrix = cv2.getRotationMatrix2D((320, 240), -30, 1)
        ink = cv2.putText(np.zeros((480, 640), np.uint8), "northlight", (205, 252), 0, 1.4, 255, 4)
        ink = cv2.warpAffine(ink, matrix, (640, 480))
        assert lies_over(np.where(ink > 128, 240, ground).astype(np.uint8), [across]) is told


def test_a_users_words_count_anywhere(tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_text("# ours\nAcme Images\nre: lot \\d{4}\n", encoding="utf-8")
    lexicon = Lexicon(file)
    for text in ("ACME images", "Lot 1234"):
        term = lexicon.find(spot(text, y=240, high=60), PHOTO)
        assert term is not None
        assert term.kind == "listed"
    assert lexicon.find(spot("Lot 12", y=240, high=60), PHOTO) is None


@pytest.mark.parametrize("words", ["re: (", "\udcff"])
def test_a_bad_list_is_named(words: str, tmp_path: Path) -> None:
    file = tmp_path / "words.txt"
    file.write_bytes(words.encode("utf-8", "surrogateescape"))
    with pytest.raises(OptionError, match=r"words\.txt"):
        Lexicon(file)


def places(text: str, *spots: tuple[float, float]) -> list[Place]:
    return [Place(str(n), spot(text, *place)) for n, place in enumerate(spots)]


def test_a_string_at_one_place_recurs() -> None:
    (one,) = recurring(places("Lakeside Archive", (300, 460), (303, 458), (299, 461)))
    assert (one.text, one.pictures) == ("Lakeside Archive", 3)


@pytest.mark.parametrize(
    "spots",
    [((300, 460), (301, 460)), ((300, 460), (80, 100), (500, 300)),
     ((100, 60), (500, 60), (320, 60))],
)  # fmt: skip
def test_a_string_elsewhere_each_time_does_not(spots: Any) -> None:
    assert recurring(places("BUS STOP", *spots)) == []


def test_the_same_string_in_other_sizes_does_not_recur() -> None:
    three = [Place(str(n), spot("EXIT", 320, 60, high)) for n, high in enumerate((12, 30, 55))]
    assert recurring(three) == []


def test_numbers_under_one_name_are_one_string_and_numbers_alone_are_none() -> None:
    named = [Place(str(n), spot(f"Image ID {n}4711")) for n in range(3)]
    numbers = [Place(str(n), spot(f"{n}4711")) for n in range(3)]
    assert [one.key for one in recurring(named + numbers)] == ["imageid#####"]


def test_misread_letters_are_one_string() -> None:
    groups = clusters({"gettyimages": 3, "gettyimaqes": 1, "qettyimages": 1, "alamy": 1})
    assert groups == [("gettyimages", ["gettyimages", "gettyimaqes", "qettyimages"]),
                      ("alamy", ["alamy"])]  # fmt: skip


def test_turned_copies_tile_and_signs_in_a_row_do_not() -> None:
    tile = [spot("Lakeside", x, y, 20, 30) for x, y in ((100, 100), (300, 100), (200, 300))]
    assert len(repeated(tile)) == 3
    sale = [spot("SALE", x, 100, high, 4) for x, high in ((100, 20), (300, 50), (500, 35))]
    assert repeated(sale) == []
    row = [spot("SALE", 80 * n, 100, 20) for n in range(1, 7)]
    assert repeated(row) == []


def test_a_misread_mark_is_known_by_the_others() -> None:
    good = [reading(str(n), spot("Lakeside Archive")) for n in range(3)]
    faint = reading("f", spot("Lakesde Archv", sure=0.3))
    part = reading("p", spot("Lakeside Arc", sure=0.9, x=200))
    other = reading("o", spot("Mountain View", sure=0.3))
    marks = found(*good, faint, part, other)
    assert marks["f"] == ["Lakesde Archv"]
    assert marks["p"] == ["Lakeside Arc"]
    assert marks["o"] == []


def test_a_page_is_left_alone() -> None:
    lines = [spot(f"line of text {chr(97 + n)}{chr(97 + n)}", y=20 + 25 * n) for n in range(14)]
    page = reading("p", *lines, spot("© www.example-company.com page 4"))
    assert found(page) == {"p": []}
    assert is_page(["a"] * 30) is False


def test_what_recurs_in_charts_is_their_layout() -> None:
    words = ("Sales by region", "North", "South", "1990")
    spots = [spot(word, 100 + 120 * n, 20 + 110 * n) for n, word in enumerate(words)]
    charts = [reading(str(n), *spots)._replace(paper=True) for n in range(6)]
    assert all(marks == [] for marks in found(*charts).values())
    photos = [reading(str(n), *spots) for n in range(6)]
    assert all("North" in marks for marks in found(*photos).values())


def test_tiles_make_no_page() -> None:
    tile = [spot(f"shutterst{chr(97 + n)}ck", 40 * n, 20 * n, 20, 30) for n in range(15)]
    assert len(found(reading("t", *tile))["t"]) == 15


@pytest.mark.parametrize("text", ["R", "L", "(R)", "RT", "LEFT", "L LAT", "R MLO", "W: 450 L: 50",
                                  "W350:L 50", "WL 40 WW 400", "5 cm", "10mm", "右", "LKAK", "R JS",
                                  "PORTABLE L"])  # fmt: skip
def test_what_clinicians_write_is_no_mark(text: str) -> None:
    assert is_clinical(text)
    film = [reading(str(n), spot(text, 40, 20), colourful=0.0) for n in range(5)]
    assert all(marks == [] for marks in found(*film).values())


def test_other_lines_of_a_block_go_with_it_and_the_side_stays() -> None:
    block = [
        spot("ST. MARY HOSPITAL", 100, 14),
        spot("12-03-2014 A", 100, 34),
        spot("R", 100, 54),
        spot("L KAK", 160, 54),
    ]
    assert found(reading("f", *block, colourful=0.0))["f"] == ["ST. MARY HOSPITAL", "12-03-2014 A"]


@pytest.mark.parametrize(
    ("question", "answer", "text", "about"),
    [
        ("What website is on the van?", "www.bakery.com", "www.bakery.com", True),
        ("Who took the photo?", "john smith", "© John Smith Photography", True),
        ("Is Shutterstock the source?", "yes", "shutterstock", True),
        ("What year is it?", "2019", "© 2019 Maria", True),
        ("What colour is it?", "red", "shutterstock", False),
        ("Is it cold?", "no", "no photo", False),
        ("写的什么", "图虫", "图虫创意", True),
    ],
)
def test_text_that_is_asked_about_is_content(
    question: str, answer: str, text: str, about: bool
) -> None:
    assert Asked().and_also(question, [answer]).about(text) is about


@pytest.mark.parametrize(
    ("question", "reads"),
    [("What does the sign say?", True), ("what brand is this?", True), ("图上写了什么字", True),
     ("What is the man doing?", False), ("Is there a fracture?", False)],
)  # fmt: skip
def test_questions_that_ask_to_read(question: str, reads: bool) -> None:
    assert Asked().and_also(question, ["x"]).reads is reads


def rows(answers: list[str]) -> list[Any]:
    import pyarrow as pa

    questions = [
        [{"text": "Which?", "answer": answer, "answers": [{"answer": answer}]}]
        for answer in answers
    ]
    facts = [[{"digest": str(n)}] for n in range(len(answers))]
    return [pa.RecordBatch.from_pydict({"image_facts": facts, "questions": questions})]


def test_a_misread_mark_is_asked_about_by_what_it_is_known_to_say() -> None:
    misread = spot("shutterspcl", 320, 240, high=60)
    (mark,) = Strings([reading("a", misread)], Lexicon()).marks(reading("a", misread))
    assert mark.texts == ("shutterspcl", "Shutterstock")
    asked = Asked().and_also("Which is it?", ["shutterstock"])
    assert not asked.about(misread.line.text)
    assert any(map(asked.about, mark.texts))


@pytest.mark.parametrize(("answers", "about"), [(["oak lane"] * 12, True), (["a dog"] * 12, False)])
def test_a_data_set_whose_answers_stand_in_the_pictures_is_about_reading(
    answers: list[str], about: bool
) -> None:
    told = gather(rows(answers), {str(n): "Oak Lane\nother" for n in range(12)})
    assert told.about_reading is about
    assert told.of("3").reads is about
    assert told.asked["3"].answers == (plain(answers[0]),) * 1
