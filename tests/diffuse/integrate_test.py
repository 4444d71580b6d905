from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from diffuse.setups import SHAPE, Setup, by_voxel, images, pairs_of, setup
from ewaldite.diffuse import integrate as integrate_module
from ewaldite.diffuse import trace as trace_module
from ewaldite.diffuse.count import NO_CEILING, Tally
from ewaldite.diffuse.count_settings import CountSettings
from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.diffuse.integrate import detector_bands, integrate_wedge
from ewaldite.diffuse.wedge_sums import WedgeSums, variance_column
from ewaldite.kernels import walk
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition
from ewaldite.model.sums import packed

FILTER, COARSE = Grid((3, 3, 3)), Grid((1, 1, 1))
PARTITION = Partition.of(FILTER, COARSE, Grid((2, 2, 2)))


def nothing(tally: Tally, pixels: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.zeros(len(tally.filter_index), bool)


def bright(tally: Tally, pixels: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Voxels with a pixel above the histogram."""
    return tally.overflow[:, 0] > 0


def generator(at: int) -> np.random.Generator:
    return np.random.default_rng([17, at])


def integrated(
    given: Setup,
    frames: list[NDArray[Any]],
    settings: CountSettings | None = None,
    outliers: Callable[[Tally, NDArray[np.float64]], NDArray[np.bool_]] = nothing,
    partition: Partition = PARTITION,
) -> WedgeSums:
    settings = CountSettings(bins=8) if settings is None else settings
    return integrate_wedge(
        matrices=given.matrices(settings.oversample),
        features=given.features,
        good=given.good,
        frames=lambda: iter(frames),
        clock=given.clock,
        background=given.background,
        partition=partition,
        filter_grid=FILTER,
        settings=settings,
        outliers=outliers,
        rng=generator,
    )


def strewn(frames: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Frames with negative values, overloads of 100000 and a row of pixels that never count."""
    rng = np.random.default_rng(23)
    out = []
    for frame in frames:
        bad = frame.copy()
        bad[rng.random(SHAPE) < 0.05] = -1
        bad[rng.random(SHAPE) < 0.02] = 100_000
        bad[7, :] = -2
        out.append(bad)
    return out


def valid_values(given: Setup, frames: list[NDArray[Any]], ceiling: int) -> NDArray[np.bool_]:
    values = np.stack([f[given.good] for f in frames])
    return (values >= 0) & (values < ceiling)


@pytest.mark.parametrize("parts", [1, 3])
def test_every_count_and_every_pair_is_somewhere(parts: int) -> None:
    given = setup()
    frames = strewn(images(given))
    settings = CountSettings(bins=8 if parts == 1 else 3, ceiling=50_000, oversample=parts)
    sums = integrated(given, frames, settings, bright)
    valid = valid_values(given, frames, 50_000)
    columns = sums.segments.columns
    counts = sum(int(f[given.good][v].sum()) for f, v in zip(frames, valid, strict=True))
    assert columns["counts"].sum() == pytest.approx(counts, rel=1e-14)
    assert columns["pixels"].sum() == pytest.approx(valid.sum())
    assert columns["rejected"].sum() == pytest.approx((~valid).sum())
    summary = sums.summary
    assert summary["pixels counted"] == pytest.approx(valid.sum())
    assert summary["pixels without a count"] == pytest.approx((~valid).sum())
    assert summary["counts"] == pytest.approx(counts)
    assert 0 < summary["counts masked"] < counts
    assert summary["voxels masked"] == len(sums.masked) > 0


def test_columns_are_the_sums_over_valid_pairs() -> None:
    given = setup()
    frames = strewn(images(given))
    sums = integrated(given, frames, CountSettings(bins=8, ceiling=50_000))
    valid = valid_values(given, frames, 50_000)
    pairs = pairs_of(given)
    labels, expected = pairs.sums(PARTITION.grids, valid)
    counted = sums.segments.select(sums.segments["pixels"] > 0.5)
    found = np.concatenate([PARTITION.voxel(g, counted.index) for g in PARTITION.grids], axis=1)
    order = np.lexsort(found.T[::-1])
    np.testing.assert_array_equal(found[order], labels)
    columns = {
        "pixels": walk.PIXELS,
        "exposure": walk.EXPOSURE,
        "background": walk.BACKGROUND,
        "swept": walk.SWEPT,
        "ix": walk.IX,
        "iy": walk.IY,
        "iz": walk.FRAME,
    } | {"sx": walk.SX, "sy": walk.SY, "sz": walk.SZ}
    for name, column in columns.items():
        np.testing.assert_allclose(
            counted[name][order], expected[:, column], rtol=1e-8,
            atol=1e-12 * np.abs(expected[:, column]).max(), err_msg=name,
        )  # fmt: skip
    rest = {variance_column(which) for which in range(3)} | {"counts", "rejected"}
    assert set(counted.columns) == set(columns) | rest
    for which, grid in enumerate(PARTITION.grids):
        column = counted[variance_column(which)]
        voxel, variance = by_voxel(PARTITION, grid, counted.index, column)
        at, wanted = pairs.variance(grid, valid)
        np.testing.assert_array_equal(voxel, at)
        np.testing.assert_allclose(variance, wanted, rtol=1e-9, atol=1e-12 * wanted.max())


def test_a_segment_without_any_count_is_reported_and_empty() -> None:
    given = setup()
    sums = integrated(given, strewn(images(given)), CountSettings(bins=8, ceiling=50_000))
    silent = sums.segments.select(sums.segments["pixels"] < 0.5)
    assert len(silent) > 0
    assert np.all(silent["rejected"] > 0.5)
    for name, column in silent.columns.items():
        assert name == "rejected" or not column.any(), name


def assert_equal(found: WedgeSums, expected: WedgeSums) -> None:
    np.testing.assert_array_equal(found.segments.index, expected.segments.index)
    assert set(found.segments.columns) == set(expected.segments.columns)
    for name, column in expected.segments.columns.items():
        np.testing.assert_array_equal(found.segments[name], column, err_msg=name)
    np.testing.assert_array_equal(found.masked, expected.masked)
    assert found.summary == expected.summary


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("partition", [PARTITION, Partition.of(FILTER)])
@pytest.mark.parametrize("bands", [2, 3, 7, 30, 99])
def test_results_are_the_same_to_the_bit_for_any_number_of_bands(
    monkeypatch: pytest.MonkeyPatch, bands: int, partition: Partition, parts: int
) -> None:
    for module in (trace_module, integrate_module):
        monkeypatch.setattr(module, "BAND_PIXELS", 40)
    given = setup()
    frames = strewn(images(given))
    settings = CountSettings(bins=8, floor=1, ceiling=50_000, oversample=parts)
    settings = replace(settings, dead_time=DeadTime("non_paralysable", 1e-3))
    whole = integrated(given, frames, settings, bright, partition)
    banded = integrated(given, frames, replace(settings, bands=bands), bright, partition)
    assert whole.summary["counts lost to dead time"] > 0
    assert_equal(banded, whole)


@pytest.mark.parametrize("bands", [1, 2, 5, 30, 50])
def test_bands_are_all_rows_once_and_share_the_good_pixels(
    monkeypatch: pytest.MonkeyPatch, bands: int
) -> None:
    monkeypatch.setattr(integrate_module, "BAND_PIXELS", 40)
    given = setup()
    good = given.good & (np.arange(SHAPE[0]) >= 15)[:, None]
    found = detector_bands(given.features, good, bands)
    assert [row for band in found for row in band] == list(range(SHAPE[0]))
    assert len(found) == min(bands, 15)
    number = [good[band.start : band.stop].sum() for band in found]
    assert max(number) - min(number) <= 2 * SHAPE[1]


@pytest.mark.parametrize("pixels", [1, 37, 400])
def test_results_are_independent_of_how_many_pixels_are_walked_at_a_time(
    monkeypatch: pytest.MonkeyPatch, pixels: int
) -> None:
    given = setup()
    frames = strewn(images(given))
    whole = integrated(given, frames, outliers=bright)
    monkeypatch.setattr(trace_module, "BAND_PIXELS", pixels)
    banded = integrated(given, frames, outliers=bright)
    np.testing.assert_array_equal(banded.segments.index, whole.segments.index)
    for name, column in whole.segments.columns.items():
        # Panels that lie side by side take turns, which is another order of additions
        limits = {"rtol": 1e-9, "atol": 1e-12 * np.abs(column).max()}
        np.testing.assert_allclose(banded.segments[name], column, **limits, err_msg=name)
    np.testing.assert_array_equal(banded.segments["counts"], whole.segments["counts"])
    np.testing.assert_array_equal(banded.masked, whole.masked)


@pytest.mark.parametrize("bins", [0, 8])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("partition", [PARTITION, Partition.of(FILTER)])
def test_the_smallest_valid_count_holds_in_every_frame(
    partition: Partition, parts: int, bins: int
) -> None:
    """A pixel is left out where it is below, with its exposure, and nowhere else."""
    given = setup()
    frames = images(given)
    # Pixels that are below in the first frame, in one in the middle, and in all
    slow, fast = np.argwhere(given.good)[[11, 400, 700]].T
    for frame in frames:
        frame[given.good] = np.maximum(frame[given.good], 2)
        frame[slow[2], fast[2]] = 0
    frames[0][slow[0], fast[0]] = 1
    frames[4][slow[1], fast[1]] = 0
    settings = CountSettings(bins=bins, floor=2, oversample=parts)
    sums = integrated(given, frames, settings, partition=partition)
    below = 2 + given.frames
    assert sums.summary["pixels below the minimum"] == pytest.approx(below)
    assert sums.summary["pixels without a count"] == pytest.approx(below)
    assert sums.summary["pixels overloaded"] == 0
    assert sums.segments["rejected"].sum() == pytest.approx(below)
    values = np.stack([f[given.good] for f in frames])
    assert sums.segments["pixels"].sum() == pytest.approx((values >= 2).sum())
    assert sums.segments["counts"].sum() == values[values >= 2].sum()
    without = [*given.clock.exposure[[0, 4]].tolist(), given.clock.exposure.sum()]
    correction = given.features.at(np.sort(slow * SHAPE[1] + fast))[:, walk.CORRECTION]
    every = integrated(given, images(given), replace(settings, floor=0), partition=partition)
    lost = every.segments["exposure"].sum() - sums.segments["exposure"].sum()
    assert lost == pytest.approx(float(correction @ without), rel=1e-8)


def test_halves_of_the_detector_add_to_the_whole() -> None:
    given = setup(26, 30.0, seed=2)
    frames = strewn(images(given))
    settings = CountSettings(bins=8, ceiling=50_000)
    whole = integrated(given, frames, settings).segments
    upper = np.zeros(SHAPE, bool)
    upper[:13] = True
    one, other = (
        integrated(replace(given, good=given.good & part), frames, settings).segments
        for part in (upper, ~upper)
    )
    both = one.add(other)
    np.testing.assert_array_equal(both.index, whole.index)
    assert 0 < len(one) < len(whole)
    for name, column in whole.columns.items():
        np.testing.assert_allclose(
            both[name], column, rtol=1e-10, atol=1e-12 * np.abs(column).max(), err_msg=name
        )


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize(("gain", "pedestal"), [(1.0, 0.0), (4.0, 0.0), (2.5, 10.0)])
def test_gain_and_pedestal(gain: float, pedestal: float, parts: int) -> None:
    given = setup()
    photons = images(given, 40.0)
    frames = [np.rint(gain * f + pedestal).astype(np.int32) for f in photons]
    settings = CountSettings(
        bins=0, ceiling=NO_CEILING, gain=gain, pedestal=pedestal, oversample=parts
    )
    sums = integrated(given, frames, settings)
    read = np.array([f[given.good] for f in frames], float)
    expected = np.sum((read - pedestal) / gain)
    assert sums.segments["counts"].sum() == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(sum(f[given.good].sum() for f in photons), rel=1e-2)


def test_oversampling_keeps_sums_that_do_not_depend_on_the_place() -> None:
    given = setup()
    frames = images(given)
    one = integrated(given, frames).segments
    many = integrated(given, frames, CountSettings(bins=8, oversample=4)).segments
    for name in ("counts", "pixels", "exposure", "background", "swept", "ix", "iy", "iz", "sx"):
        assert many[name].sum() == pytest.approx(one[name].sum(), rel=1e-12), name
    assert len(many) > len(one)
    # smaller pieces: the pairs of a voxel are no whole numbers now
    assert np.any(np.abs(many["pixels"] - np.rint(many["pixels"])) > 0.1)


def test_oversampling_is_seeded_by_the_position_of_the_frame() -> None:
    given = setup()
    settings = CountSettings(bins=8, oversample=3)
    frames = images(given)
    one, again = (integrated(given, frames, settings).segments for _ in range(2))
    np.testing.assert_array_equal(one["counts"], again["counts"])
    seen: list[int] = []

    def noted(at: int) -> np.random.Generator:
        seen.append(at)
        return generator(at)

    integrate_wedge(
        matrices=given.matrices(3), features=given.features, good=given.good,
        frames=lambda: frames, clock=given.clock, background=None, partition=PARTITION,
        filter_grid=FILTER, settings=settings, outliers=nothing, rng=noted,
    )  # fmt: skip
    assert seen == list(range(3, 12))


def parts_of(
    frame: NDArray[Any], parts: int, monkeypatch: pytest.MonkeyPatch, ceiling: int = NO_CEILING
) -> list[NDArray[np.int64]]:
    """Sub-frames that the counting is given."""
    from ewaldite.diffuse import integrate

    given, taken = setup(1), []
    counting = integrate.count_frames

    def spy(**arguments: Any) -> Tally:
        arguments["frames"] = list(arguments["frames"])
        taken.extend(f.copy() for f in arguments["frames"])
        return counting(**arguments)

    monkeypatch.setattr(integrate, "count_frames", spy)
    integrated(given, [frame], CountSettings(bins=8, ceiling=ceiling, oversample=parts))
    return taken


@pytest.mark.parametrize("parts", [2, 5])
def test_parts_of_a_poisson_frame_are_poisson_and_independent(
    parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    mean = 6.0
    frame = np.random.default_rng(2).poisson(mean, SHAPE)
    split = np.array(parts_of(frame, parts, monkeypatch)).reshape(parts, -1)
    assert split.shape == (parts, frame.size)
    np.testing.assert_array_equal(split.sum(axis=0), frame.reshape(-1))
    assert np.all(split >= 0)
    n, share = frame.size, mean / parts
    # five standard errors of mean, variance (Poisson: m + 2 m²) and covariance
    assert np.all(np.abs(split.mean(axis=1) - share) < 5 * np.sqrt(share / n))
    covariance = np.cov(split)
    error = np.sqrt((share + 2 * share**2) / n)
    assert np.all(np.abs(np.diag(covariance) - share) < 5 * error)
    others = covariance[~np.eye(parts, dtype=bool)]
    assert np.all(np.abs(others) < 5 * share / np.sqrt(n))


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.uint32])
def test_what_is_no_count_stays_so_in_every_part(
    dtype: type[np.integer[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = np.random.default_rng(2).poisson(6.0, SHAPE).astype(dtype)
    top = int(np.iinfo(dtype).max)
    marked = np.random.default_rng(3).random(SHAPE) < 0.2
    frame[marked] = top
    if dtype == np.int32:
        frame[0, :5] = -1
    for part in parts_of(frame, 3, monkeypatch, ceiling=top - 1):
        np.testing.assert_array_equal(part[marked & (frame >= 0)], top)
        np.testing.assert_array_equal(part[frame < 0], -1)
        assert part[~marked].max() < 30


def test_the_filter_gets_the_pairs_of_its_voxels() -> None:
    given = setup()
    taken: dict[str, NDArray[Any]] = {}

    def spy(tally: Tally, pixels: NDArray[np.float64]) -> NDArray[np.bool_]:
        taken["pairs"] = tally.histogram.moment(0) + tally.overflow[:, 0]
        taken["pixels"], taken["index"] = pixels, tally.filter_index
        return np.arange(len(pixels)) % 2 == 0

    frames = strewn(images(given))
    sums = integrated(given, frames, CountSettings(bins=8, ceiling=50_000), outliers=spy)
    np.testing.assert_allclose(taken["pixels"], taken["pairs"])
    # what the filter says, and what is overloaded beside it
    own = packed(taken["index"][::2])
    high = packed(voxels_of_pairs(given, np.array(frames) >= 50_000))
    assert 0 < np.isin(high, own).sum() < len(high)
    np.testing.assert_array_equal(np.sort(packed(sums.masked)), np.union1d(own, high))


def voxels_of_pairs(given: Setup, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Filter voxels that hold one of the good pixels chosen; dims (frame, slow, fast)."""
    return np.unique(pairs_of(given).labels((FILTER,))[chosen[:, given.good]], axis=0)


@pytest.mark.parametrize("bins", [0, 8])
@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("partition", [PARTITION, Partition.of(FILTER)])
def test_overloaded_pixels_mask_their_voxels(
    partition: Partition, parts: int, bins: int
) -> None:
    given = setup()
    frames, over = images(given), np.zeros((given.frames, *SHAPE), bool)
    slow, fast = np.argwhere(given.good)[[11, 400, 700]].T
    over[[0, 4, 8], slow, fast] = True
    for frame, high in zip(frames, over, strict=True):
        frame[high] = 1000
        # a marker, and what is as bright as can still be counted
        frame[given.good & (np.arange(SHAPE[1]) == 5)] = -1
        frame[given.good & (np.arange(SHAPE[1]) == 30) & ~high] = 999
    settings = CountSettings(bins=bins, ceiling=1000, oversample=parts)
    sums = integrated(given, frames, settings, partition=partition)
    expected = voxels_of_pairs(given, over)
    assert len(expected) == 3
    found = {tuple(i) for i in sums.masked.tolist()}
    if parts == 1:
        assert found == {tuple(i) for i in expected.tolist()}
    # each part of an overloaded frame is overloaded, wherever it is
    labels = pairs_of(given, parts).labels((FILTER,))[np.repeat(over, parts, 0)[:, given.good]]
    assert found == {tuple(i) for i in labels.tolist()}
    assert sums.summary["voxels overloaded"] == sums.summary["voxels masked"] == len(found)
    assert sums.segments["rejected"].sum() == pytest.approx(
        3 + (given.good[:, 5].sum() * given.frames)
    )


def test_negative_values_mask_nothing() -> None:
    given = setup()
    frames = [np.where(f > 3, -2, f).astype(np.int32) for f in images(given)]
    sums = integrated(given, frames, CountSettings(bins=8, ceiling=50_000))
    assert sums.segments["rejected"].sum() > 1000
    assert len(sums.masked) == sums.summary["voxels overloaded"] == 0
    assert sums.summary["voxels masked"] == sums.summary["counts masked"] == 0


def test_an_overloaded_voxel_is_masked_with_all_its_counts() -> None:
    given = setup()
    frames = images(given)
    slow, fast = np.argwhere(given.good)[300]
    frames[4][slow, fast] = 70_000
    one = integrated(given, frames, CountSettings(bins=8, ceiling=50_000))
    assert len(one.masked) == 1
    inside = (pairs_of(given).labels((FILTER,)) == one.masked[0]).all(axis=-1)
    values = np.stack([f[given.good] for f in frames])
    assert one.summary["counts masked"] == values[inside & (values < 50_000)].sum() > 0
    # where the pixel can be counted it is the filter's to say
    counted = integrated(given, frames, CountSettings(bins=8, ceiling=70_001))
    assert len(counted.masked) == 0
