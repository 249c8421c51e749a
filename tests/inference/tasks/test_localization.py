"""Localization: the published prompt and answers, and boxes that come home to the pixels they were drawn on.

The sentences and the sample answer are the publisher's (notebook "cxr_anatomy_localization_with_hugging_face").
"""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from inference.errors import OutputInvalid
from inference.media.letterbox import Letterbox, square
from inference.ports import Completion, Ending, Picture
from inference.tasks.localization import asking
from inference.tasks.localization.asking import Said

PUBLISHED = (
    'Instructions:\nThe following user query will require outputting bounding boxes. The format of bounding boxes '
    "coordinates is [y0, x0, y1, x1] where (y0, x0) must be top-left corner and (y1, x1) the bottom-right corner. "
    "This implies that x0 < x1 and y0 < y1. Always normalize the x and y coordinates the range [0, 1000], meaning "
    "that a bounding box starting at 15% of the image width would be associated with an x coordinate of 150. You "
    "MUST output a single parseable json list of objects enclosed into ```json...``` brackets, for instance "
    '```json[{"box_2d": [800, 3, 840, 471], "label": "car"}, {"box_2d": [400, 22, 600, 73], "label": "dog"}]``` is '
    'a valid output. Now answer to the user query.\n\nRemember "left" refers to the patient\'s left side where the '
    "heart is and sometimes underneath an L in the upper right corner of the image.\n\nQuery:\nWhere is the right "
    'clavicle? Don\'t give a final answer without reasoning. Output the final answer in the format "Final Answer: '
    'X" where X is a JSON list of objects. The object needs a "box_2d" and "label" key. Answer:'
)  # fmt: skip


def _answer(text: str, ending: Ending = Ending.STOP) -> Completion:
    return Completion(text=text, ending=ending)


def test_the_prompt_is_the_published_one() -> None:
    """Word for word, the image first, nothing before it, 1000 new tokens, no schema."""
    prompt = asking.prompt(Picture(b"png"), object_name="right clavicle")

    assert (Picture(b"png"), PUBLISHED) == prompt.parts
    assert ("", None, 1000) == (prompt.instruction, prompt.schema, prompt.max_new_tokens)


CLAVICLE = Said("right clavicle", (140, 110, 340, 470))


@pytest.mark.parametrize(
    "text",
    [
        'The clavicle is a long bone.\n\nFinal Answer: ```json[{"box_2d": [140, 110, 340, 470], "label": "right clavicle"}]```',
        'Final Answer: ```json\n[\n{"box_2d": [140, 110, 340, 470], "label": "right clavicle"}\n]\n```',
        'Final Answer: [{"label": "right clavicle", "box_2d": [140, 110, 340, 470]}]',
        '```json[{"box_2d": [140, 110, 340, 470], "label": "right clavicle"}]```',
        'Final Answer: [] no. Final Answer: [{"box_2d": [140, 110, 340, 470], "label": "right clavicle"}]',
    ],
    ids=["published", "pretty", "unfenced", "without-words", "last-counts"],
)
def test_the_published_answer_is_read(text: str) -> None:
    """And its near relatives that models write instead."""
    assert (CLAVICLE,) == asking.boxes(_answer(text)).said


@pytest.mark.parametrize(
    "box",
    [
        [340, 110, 140, 470],
        [140, 470, 340, 110],
        [140, 110, 140, 470],
        [-1, 110, 340, 470],
        [140, 110, 340, 1001],
        [140, 110, 340],
        [140, 110, 340, "470"],
        [140, 110, 340, True],
        [140, 110, float("nan"), 470],
        None,
    ],
)
def test_what_is_no_box_is_rejected_not_mended(box: object) -> None:
    """Turned round, empty, out of range, of another shape: counted, and the rest stands."""
    text = "Final Answer: " + json.dumps([
        {"box_2d": box, "label": "x"}, {"box_2d": [140, 110, 340, 470], "label": "right clavicle"},
    ])  # fmt: skip

    found = asking.boxes(_answer(text))

    assert ((CLAVICLE,), 1) == (found.said, found.rejected)


@pytest.mark.parametrize(
    ("text", "ending"),
    [
        ("The clavicle is at the top.", Ending.STOP),
        ('Final Answer: ```json[{"box_2d": [140, 110', Ending.STOP),
        ('Final Answer: [{"box_2d": [140, 110, 340, 470], "label": "right clavicle"}]', Ending.LENGTH),
        ("Final Answer: " + json.dumps([{"box_2d": [0, 0, n + 1, 1], "label": str(n)} for n in range(21)]), Ending.STOP),
        ("I cannot locate structures in medical images.", Ending.STOP),
        ("Final Answer: " + "[" * 100_000, Ending.STOP),
    ],
    ids=["no-list", "torn", "cut-off", "too-many", "refusal", "nested"],
)  # fmt: skip
def test_an_answer_without_a_list_is_none(text: str, ending: Ending) -> None:
    """It is said, not taken for an empty list."""
    with pytest.raises(OutputInvalid):
        asking.boxes(_answer(text, ending))


def test_an_empty_list_is_an_answer() -> None:
    """The model found nothing."""
    found = asking.boxes(_answer("Final Answer: []"))

    assert ((), 0) == (found.said, found.rejected)


sizes = st.integers(1, 5000)


@given(
    columns=sizes,
    rows=sizes,
    shrink=st.floats(0.2, 1),
    edges=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_box_comes_home(columns: int, rows: int, shrink: float, edges: list[float]) -> None:
    """Drawn on a source of any size and aspect, shrunk, padded, read off on a fine grid: within a pixel."""
    width, height = max(1, round(columns * shrink)), max(1, round(rows * shrink))
    box = Letterbox(columns, rows, width, height)
    (x0, x1), (y0, y1) = sorted(edges[:2]), sorted(edges[2:])
    drawn = (x0 * columns, y0 * rows, x1 * columns, y1 * rows)
    seen = (
        (x0 * width + box.left) / box.side * 1000, (y0 * height + box.top) / box.side * 1000,
        (x1 * width + box.left) / box.side * 1000, (y1 * height + box.top) / box.side * 1000,
    )  # fmt: skip

    home = box.back(seen, grid=1000)

    if home is None:
        assert x1 - x0 < 1e-9 or y1 - y0 < 1e-9
    else:
        assert all(abs(a - b) < 1 for a, b in zip(home, drawn, strict=True))


@given(columns=sizes, rows=sizes, data=st.data())
def test_a_model_points_as_exactly_as_its_grid(columns: int, rows: int, data: st.DataObject) -> None:
    """Whole numbers from 0 to 1000: within a pixel up to 2,000 pixels a side, half a step of the grid beyond."""
    box = Letterbox(columns, rows, columns, rows)
    x0 = data.draw(st.integers(0, columns - 1))
    y0 = data.draw(st.integers(0, rows - 1))
    x1, y1 = data.draw(st.integers(x0 + 1, columns)), data.draw(st.integers(y0 + 1, rows))
    seen = tuple(
        float(round((edge + pad) / box.side * 1000))
        for edge, pad in ((x0, box.left), (y0, box.top), (x1, box.left), (y1, box.top))
    )
    if seen[0] >= seen[2] or seen[1] >= seen[3]:
        return  # thinner than a step: the model cannot say it

    home = box.back(seen, grid=1000)

    assert home is not None
    off = max(abs(a - b) for a, b in zip(home, (x0, y0, x1, y1), strict=True))
    assert off <= max(1, box.side / 2000 + 1e-6)


@pytest.mark.parametrize("box", [(0, 0, 1000, 1000), (0, 400, 100, 600), (400, 0, 700, 200)])
def test_a_box_in_the_padding_is_none(box: tuple[int, int, int, int]) -> None:
    """A wide picture has black above and below, where nothing of the patient is: rejected, not clipped."""
    wide = Letterbox(2000, 1000, 2000, 1000)
    tall = Letterbox(1000, 2000, 1000, 2000)

    assert None in {wide.back(box, grid=1000), tall.back(box, grid=1000)}


def test_padding_is_black_and_halved() -> None:
    """The odd row goes below; the pixels stay what they are: 0, 1, 100 and 255 are not wrapped round."""
    picture = Image.new("L", (6, 3))
    picture.putdata([0, 1, 10, 100, 254, 255] * 3)
    stream = io.BytesIO()
    picture.save(stream, "PNG")

    png, box = square(stream.getvalue())

    padded = Image.open(io.BytesIO(png))
    assert ((6, 6), "L", 1, 0) == (padded.size, padded.mode, box.top, box.left)
    rows = [[padded.getpixel((x, y)) for x in range(6)] for y in range(6)]
    assert [[0] * 6, *[[0, 1, 10, 100, 254, 255]] * 3, [0] * 6, [0] * 6] == rows
