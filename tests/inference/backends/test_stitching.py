"""Windows joined to a whole: on given frames no token is lost and none is written twice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.backends.local.ctc import Greedy, words
from inference.backends.local.stitching import Stitcher
from inference.backends.local.windows import SAMPLES_A_FRAME, Windows, frames_of

VOCABULARY = 6
PIECES = ["", "\u2581a", "b", "\u2581c", "d", "\u2581e"]


def frames(ids: list[int]) -> np.ndarray:
    scores = np.full((len(ids), VOCABULARY), np.log(0.02), dtype=np.float32)
    scores[np.arange(len(ids)), ids] = np.log(0.9)
    return scores


def read(parts: list[np.ndarray]) -> tuple[str, ...]:
    decoder = Greedy(PIECES)
    for part in parts:
        decoder.add(part)
    return tuple(piece.text for piece in decoder.finish())


def joined(windows: list[tuple[int, np.ndarray]], stitcher: Stitcher | None = None) -> list[np.ndarray]:
    stitcher = stitcher or Stitcher()
    parts = [stitcher.add(start, window) for start, window in windows]
    left = stitcher.finish()
    return [*parts, *([] if left is None else [left])]


@settings(deadline=None)
@given(
    ids=st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=300),
    size=st.integers(8, 60),
    overlap=st.integers(2, 30),
)
def test_windows_over_given_frames_are_the_frames(ids: list[int], size: int, overlap: int) -> None:
    """However they are cut, the windows put together are the whole, frame by frame."""
    overlap = min(overlap, size // 2)
    whole = frames(ids)
    windows, start = [], 0
    while True:
        windows.append((start, whole[start : start + size]))
        if start + size >= len(whole):
            break
        start += size - overlap

    assert np.array_equal(whole, np.concatenate(joined(windows)))


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_windows_that_disagree_by_some_frames_lose_and_double_nothing(data: st.DataObject) -> None:
    """Each window moves each token by up to two frames; wherever a pause lies in the overlap, the words are the same."""
    tokens = data.draw(st.lists(st.integers(1, VOCABULARY - 1), min_size=4, max_size=60))
    places = [10 + 12 * at for at in range(len(tokens))]
    length = places[-1] + 12
    size, overlap, start, windows = 120, 50, 0, []
    while True:
        end = min(start + size, length)
        ids = [0] * (end - start)
        for place, token in zip(places, tokens, strict=True):
            moved = place + data.draw(st.integers(-2, 2))
            if start <= moved < end - 1:
                ids[moved - start] = ids[moved - start + 1] = token
        windows.append((start, frames(ids)))
        if end == length:
            break
        start += size - overlap

    assert tuple(PIECES[token] for token in tokens) == read(joined(windows))


def test_a_seam_without_a_pause_is_counted() -> None:
    """Where two windows agree on nothing, the transcript has to say that it is not sure."""
    stitcher = Stitcher(margin=2)

    joined([(0, frames([1] * 40)), (20, frames([2] * 40))], stitcher)

    assert (1, 1) == (stitcher.joined, stitcher.uncertain)


def test_windows_with_a_gap_are_no_recording() -> None:
    """Frames that nobody heard are not passed over."""
    stitcher = Stitcher()
    stitcher.add(0, frames([0] * 10))

    with pytest.raises(ValueError, match="gaps"):
        stitcher.add(11, frames([0] * 10))


@pytest.mark.parametrize("seconds", [0.01, 0.5, 19.99, 20.0, 20.01, 36.0, 61.7])
@pytest.mark.parametrize("block", [999, 16_000, 10_000_000])
def test_windows_of_sound_cover_it_once_and_overlap(seconds: float, block: int) -> None:
    """In any blocks: the same windows, from the first sample to the last, none too short for a frame."""
    samples = np.arange(int(seconds * 16_000), dtype=np.float32)
    pieces = [samples[at : at + block].tobytes() for at in range(0, len(samples), block)]

    cut = list(Windows().cut(pieces))

    assert all(frames_of(len(window)) >= 1 for _, window in cut)
    assert 0 == cut[0][0]
    for (start, window), (following, _) in itertools.pairwise(cut):
        assert start + 400 == following
        assert 500 * SAMPLES_A_FRAME == len(window)
    start, window = cut[-1]
    assert len(samples) <= start * SAMPLES_A_FRAME + len(window) <= max(len(samples), 2320)
    for start, window in cut:
        there = samples[start * SAMPLES_A_FRAME :][: len(window)]
        assert np.array_equal(there, window[: len(there)])


def test_repeats_collapse_blanks_part_and_pieces_join() -> None:
    """The rule of CTC, and words with the times of their frames."""
    decoder = Greedy(PIECES)
    decoder.add(frames([0, 1, 1]))
    decoder.add(frames([1, 2, 0, 2, 0, 0, 3, 0]))

    spoken = words(decoder.finish())

    assert ["abb", "c"] == [word.text for word in spoken]
    assert (0.0925, 0.3325) == pytest.approx((spoken[0].start, spoken[0].end), abs=0.001)
    assert 0.9 == pytest.approx(spoken[0].posterior, abs=0.001)
