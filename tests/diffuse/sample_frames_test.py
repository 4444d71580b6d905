"""Frames that are looked at before the pass: each read once, told apart as far as needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diffuse.tiny import write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.max_count import CAP
from ewaldite.diffuse.sample_frames import TOP, SampleFrames
from ewaldite.errors import UserError
from ewaldite.io.images.file_series import FileSeries


class Frames:
    """Frames that hold their own number, and tell which of them were read."""

    def __init__(self, count: int, dtype: type = np.int32) -> None:
        self.count, self.dtype = count, dtype
        self.read: list[int] = []

    def __call__(self, position: int) -> NDArray[Any]:
        self.read.append(position)
        return np.full((2, 3), position, dtype=self.dtype)

    def samples(self, *markers: int) -> SampleFrames:
        return SampleFrames(self, markers, self.count)


@pytest.mark.parametrize(
    ("count", "looked_at"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (101, [0, 50, 100])]
)
def test_first_middle_and_last_are_read_once(count: int, looked_at: list[int]) -> None:
    frames = Frames(count)
    samples = frames.samples()
    assert (samples.first == 0).all()
    assert frames.read == [0]
    for _ in range(2):
        found = samples.all
        assert found[:, 1, 2].tolist() == looked_at
        assert found.dtype == np.int16
    assert frames.read == looked_at
    assert samples.first is not None


def test_what_was_forgotten_is_read_again() -> None:
    frames = Frames(3)
    samples = frames.samples()
    before = samples.all.copy()
    samples.forget()
    np.testing.assert_array_equal(samples.all, before)
    assert frames.read == 2 * [0, 1, 2]


def test_counts_are_told_apart_as_far_as_histograms_reach() -> None:
    assert TOP >= 2 * CAP
    frames = Frames(100_001, np.uint32)
    first, middle, last = frames.samples(50_000).all[:, 0, 0]
    assert (first, middle, last) == (0, -1, TOP)


def test_a_frame_that_cannot_be_read_says_so_every_time() -> None:
    def broken(position: int) -> NDArray[Any]:
        raise UserError("read it", "nothing", "Restore it.")

    samples = SampleFrames(broken, (), 5)
    for _ in range(2):
        with pytest.raises(UserError, match="nothing"):
            _ = samples.first


def test_a_run_reads_every_sample_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, mask and filter look at the same three frames, and let them go."""
    context = Context(read_config(write_tiny(tmp_path)), tmp_path)
    read, plain = [], FileSeries.read

    def counted(self: FileSeries, i: int, out: Any = None) -> Any:
        if self is context.entries[0].images:
            read.append(i)
        return plain(self, i, out)

    monkeypatch.setattr(FileSeries, "read", counted)
    workflow.run(context, ["filter"])
    summaries = json.loads((context.work / "filter.json").read_text())
    frames = [int(summary["frames"]) for summary in summaries]
    assert sorted(read) == sorted([0, 2, 5, *range(sum(frames))])
    assert context.entries[0].samples._frames.size == 0
