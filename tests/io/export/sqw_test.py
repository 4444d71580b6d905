from __future__ import annotations

import base64
import json
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.io.export import sqw
from ewaldite.io.export.matlab_values import Ready, serialised, size_of
from ewaldite.io.export.sqw import SqwHead, SqwRun, sqw_writer
from ewaldite.io.export.sqw_pixels import ImageGrid, SortedPixels
from spectroscopy.sqw_reader import Sqw, Stream, read

ORACLE = Path(__file__).parents[2] / "oracles" / "sqw.json"
HEAD = SqwHead(
    "t", "BIFROST", "sample", (5, 5, 5, 90, 90, 90), np.array([1.0, 0, 0]),
    np.array([0.0, 1, 0]), np.array([2.7, 3.0, 4.0]), np.linspace(-1, 1, 5),
    [SqwRun("f", 0.0), SqwRun("f", 0.1)], datetime(2026, 1, 1, tzinfo=UTC),
)  # fmt: skip
GRID = ImageGrid(np.array([-1.0, -1, -1, 0]), np.array([1.0, 1, 1, 2]), np.array([4, 3, 2, 5]))


def some_pixels(size: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    table = np.empty((size, 9), np.float32)
    table[:, :4] = rng.uniform(GRID.low, GRID.high, (size, 4))
    table[:, 4:7] = rng.integers(1, 9, (size, 3))
    table[:, 7:] = rng.exponential(size=(size, 2))
    return table


def written(path: Path, table: np.ndarray, parts: int = 3) -> Sqw:
    counts = np.bincount(GRID.bins(table), minlength=GRID.size)
    with sqw_writer(path, HEAD, GRID, counts) as pixels:
        for part in np.array_split(table, parts):
            pixels.add(part)
    return read(path)


def test_blocks_are_those_of_another_program(tmp_path: Path) -> None:
    blocks = {"/".join(n): v for n, v in sqw._blocks(tmp_path / "a.sqw", HEAD, GRID)}
    for name, stored in json.loads(ORACLE.read_text())["blocks"].items():
        expected = zlib.decompress(base64.b85decode(stored))
        assert b"".join(serialised(blocks[name])) == expected, name


def test_a_file_read_by_its_description(tmp_path: Path) -> None:
    table = some_pixels(1000)
    got = written(tmp_path / "a.sqw", table)
    assert (got.program, got.version, got.kind, got.dims) == ("horace", 4.0, 1, 4)
    main = got.blocks["", "main_header"]
    assert main["full_filename"] == str(tmp_path / "a.sqw")
    assert main["nfiles"] == 2
    assert main["creation_date"] == "2026-01-01T00:00:00+00:00"
    axes = got.blocks["data", "metadata"]["axes"]
    np.testing.assert_array_equal(axes["nbins_all_dims"], [4, 3, 2, 5])
    # limits of an axis are neighbours: 2 × 4 in MATLAB
    np.testing.assert_array_equal(axes["img_range"], [[-1, -1, -1, 0], [1, 1, 1, 2]])
    np.testing.assert_array_equal(axes["dax"], [1, 2, 3, 4])
    runs = got.blocks["experiment_info", "expdata"]["array_dat"]
    assert [run["run_id"] for run in runs] == [1, 2]
    assert {run["emode"] for run in runs} == {2.0}
    np.testing.assert_array_equal(runs[1]["efix"], [2.7, 3.0, 4.0])
    assert runs[1]["en"].shape == (5, 1)
    assert got.blocks["pix", "metadata"]["npix"] == 1000
    np.testing.assert_array_equal(
        got.blocks["pix", "metadata"]["data_range"], [table.min(axis=0), table.max(axis=0)]
    )
    # Horace appends to the pixels, so they come last
    assert got.ends["pix", "data_wrap"][1] == (tmp_path / "a.sqw").stat().st_size
    samples = got.blocks["experiment_info", "samples"]["unique_objects"]
    assert samples["unique_objects"][0]["name"] == "sample"
    np.testing.assert_array_equal(samples["idx"], [1, 1])


def test_pixels_lie_in_the_order_of_the_image(tmp_path: Path) -> None:
    table = some_pixels(5000, 1)
    got = written(tmp_path / "a.sqw", table)
    order, back = (np.lexsort(t.T) for t in (table, got.pixels))
    np.testing.assert_array_equal(got.pixels[back], table[order])
    edges = [np.linspace(*e) for e in zip(GRID.low, GRID.high, GRID.number + 1, strict=True)]
    place = table[:, :4].astype(np.float64)
    counts, _ = np.histogramdd(place, edges)
    np.testing.assert_array_equal(got.counts, counts)
    assert got.counts.shape == (4, 3, 2, 5)
    total, _ = np.histogramdd(place, edges, weights=table[:, 7].astype(np.float64))
    square, _ = np.histogramdd(place, edges, weights=table[:, 8].astype(np.float64))
    n = np.maximum(counts, 1)
    np.testing.assert_allclose(got.mean, total / n, rtol=1e-12)
    np.testing.assert_allclose(got.variance, square / n**2, rtol=1e-12)
    ends = np.cumsum(counts.ravel(order="F")).astype(int)
    inner = got.pixels[: ends[0], :4].astype(np.float64)
    assert np.histogramdd(inner, edges)[0][0, 0, 0, 0] == ends[0]
    last = got.pixels[ends[-2] :, :4].astype(np.float64)
    assert np.histogramdd(last, edges)[0][-1, -1, -1, -1] == counts[-1, -1, -1, -1]


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 400), region=st.integers(1, 500), parts=st.integers(1, 5),
    seed=st.integers(0, 99), spread=st.sampled_from([1.0, 0.3, 0.0]),
)  # fmt: skip
def test_regions_make_no_difference(
    tmp_path_factory: pytest.TempPathFactory,
    size: int, region: int, parts: int, seed: int, spread: float,
) -> None:  # fmt: skip
    table = some_pixels(size, seed)
    table[:, :4] *= spread
    bins = GRID.bins(table)
    counts = np.bincount(bins, minlength=GRID.size)
    path = tmp_path_factory.mktemp("p") / "pixels"
    with path.open("w+b") as file:
        file.write(b"head")
        pixels = SortedPixels(file, 4, GRID, counts, region)
        for part in np.array_split(table, parts):
            pixels.add(part)
        pixels.finish()
    content = path.read_bytes()
    assert content[:4] == b"head"
    got = np.frombuffer(content, "<f4", offset=4).reshape(-1, 9)
    np.testing.assert_array_equal(GRID.bins(got), np.sort(bins))
    np.testing.assert_array_equal(got[np.lexsort(got.T)], table[np.lexsort(table.T)])


def test_other_pixels_than_counted_leave_no_file(tmp_path: Path) -> None:
    table = some_pixels(10)
    counts = np.bincount(GRID.bins(table), minlength=GRID.size)

    def write() -> None:
        with sqw_writer(tmp_path / "a.sqw", HEAD, GRID, counts) as pixels:
            pixels.add(table[:-1])

    with pytest.raises(ValueError, match="not those that were counted"):
        write()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("total", "words"), [(0, "there are 0 pixels"), (120_000_000, "more than 4 GB")]
)
def test_what_the_format_does_not_hold(tmp_path: Path, total: int, words: str) -> None:
    counts = np.zeros(GRID.size, np.int64)
    counts[0] = total
    with (
        pytest.raises(UserError, match=words),
        sqw_writer(tmp_path / "a.sqw", HEAD, GRID, counts),
    ):
        pass
    assert not list(tmp_path.iterdir())


VALUES: list[Any] = [
    "text", "", True, 2.5, 7, np.arange(6.0).reshape(2, 3), np.array([True, False]),
    ("a", 1.0, ("b",)), {"x": 1.0, "y": "z"}, [{"x": 1.0}, {"x": "two"}], (),
    {"serial_name": "IX_a", "inner": {"serial_name": "IX_b"}},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back(value: Any) -> None:
    pieces = serialised(value)
    content = b"".join(pieces)
    assert size_of(pieces) == len(content)
    stream = Stream(content)
    got = stream.value()
    assert stream.at == len(content)
    if isinstance(value, np.ndarray):
        np.testing.assert_array_equal(got, value.T)
    elif isinstance(value, tuple):
        assert got == [list(v) if isinstance(v, tuple) else v for v in value]
    else:
        assert got == value
    assert serialised(Ready(pieces)) == pieces


def test_a_value_without_form() -> None:
    with pytest.raises(TypeError, match="no form for object"):
        serialised(object())
