"""Records in the order of their pictures, which lie as they came."""

import numpy as np
import pyarrow as pa

from vqadata.converting.numbered import NUMBER, in_order


def numbered(numbers: list[int]) -> pa.RecordBatch:
    names = [f"{number}.jpg" for number in numbers]
    return pa.RecordBatch.from_pydict(
        {
            "image_path": names,
            "more_image_paths": pa.array([[]] * len(names), pa.list_(pa.string())),
            "split": ["val"] * len(names),
            "text": [str(place) for place in range(len(names))],
            NUMBER: pa.array(numbers, pa.int64()),
        }
    )


def test_rows_of_a_picture_stand_together_in_the_order_in_which_they_came() -> None:
    rows = in_order(numbered([2, 0, 2, 1, 0]))
    assert rows.numbers.tolist() == [0, 0, 1, 2, 2]
    assert rows.part(0, 5).column("text").to_pylist() == ["1", "4", "3", "0", "2"]
    assert rows.starts.tolist() == [0, 2, 3]
    assert rows.firsts.column("image_path").to_pylist() == ["0.jpg", "1.jpg", "2.jpg"]


def test_rows_that_lie_in_order_are_not_copied() -> None:
    came = numbered([0, 0, 1, 2])
    part = in_order(came).part(1, 3)
    assert part.column("text").to_pylist() == ["1", "2"]
    assert part.column("text").buffers()[2].address == came.column("text").buffers()[2].address


def test_only_a_part_is_copied_where_rows_lie_in_disorder() -> None:
    rows = in_order(numbered([*range(500), *range(500)]))
    before = pa.total_allocated_bytes()
    part = rows.part(0, 10)
    assert pa.total_allocated_bytes() - before < rows.records.nbytes / 10
    assert part.column("image_path").to_pylist() == [f"{n // 2}.jpg" for n in range(10)]


def test_what_is_left_keeps_its_order() -> None:
    rows = in_order(numbered([2, 0, 2, 1]))
    left = rows.where(np.array([True, False, True, False]))
    assert left.part(0, 2).column("text").to_pylist() == ["1", "0"]
    assert left.numbers.tolist() == [0, 2]
