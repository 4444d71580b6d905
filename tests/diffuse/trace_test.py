from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from diffuse.setups import SHAPE, Pairs, Setup, by_voxel, in_order, labelled, pairs_of, setup
from ewaldite.diffuse import trace as trace_module
from ewaldite.diffuse.clock import Clock
from ewaldite.diffuse.paths import Trace
from ewaldite.diffuse.trace import hkl_matrices, trace_wedge
from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.kernels import walk
from ewaldite.kernels.runs import END
from ewaldite.model.grid import Grid
from ewaldite.model.partition import Partition

GRIDS = {
    "coarse": (Grid((1, 1, 1)),),
    "three": (Grid((3, 3, 3)), Grid((1, 1, 1))),
    "nodes": (Grid((2, 1, 4)), Grid((3, 3, 3))),
    "split": (Grid((2, 2, 2), "split"), Grid((1, 3, 2), "node")),
}
SETUPS = {"wedge": setup(), "turns": setup(26, 30.0, seed=2)}


def assert_same(partition: Partition, trace: Trace, pairs: Pairs) -> None:
    expected = pairs.sums(partition.grids)
    labels = labelled(partition, trace.index)
    order = in_order(labels)
    np.testing.assert_array_equal(labels[order], expected[0])
    scale = np.abs(expected[1]).max(axis=0)
    columns = min(trace.sums.shape[1], walk.COLUMNS)
    difference = np.abs(trace.sums[order, :columns] - expected[1][:, :columns])
    # the corrections are interpolated to 1e-9
    wanted = np.abs(expected[1]) + 1e-2 * scale
    assert np.all(difference <= 3e-9 * wanted[:, :columns])
    if columns < walk.COLUMNS:
        return
    assert trace.sums.shape[1] == walk.COLUMNS + len(partition.grids)
    for which, grid in enumerate(partition.grids):
        voxel, variance = pairs.variance(grid)
        column = trace.sums[:, walk.BACKGROUND_VARIANCE + which]
        found, sums = by_voxel(partition, grid, trace.index, column)
        np.testing.assert_array_equal(found, voxel)
        np.testing.assert_allclose(sums, variance, rtol=1e-11, err_msg=str(grid))


@pytest.mark.parametrize("grids", GRIDS.values(), ids=GRIDS)
@pytest.mark.parametrize("given", SETUPS.values(), ids=SETUPS)
def test_sums_are_those_of_all_pairs(given: Setup, grids: tuple[Grid, ...]) -> None:
    partition = Partition.of(*grids)
    assert_same(partition, given.trace(partition), pairs_of(given))


def test_without_background_there_are_no_columns_for_it() -> None:
    given = setup().without_background()
    partition = Partition.of(Grid((3, 3, 3)))
    trace = given.trace(partition)
    assert trace.sums.shape[1] == walk.BACKGROUND
    assert_same(partition, trace, pairs_of(given))


def test_the_variance_of_a_grid_is_independent_of_the_other_grids() -> None:
    grid = Grid((2, 3, 1))
    for given in SETUPS.values():
        alone, among = Partition.of(grid), Partition.of(Grid((3, 3, 3)), grid, Grid((1, 1, 1)))
        found = [
            by_voxel(partition, grid, trace.index, trace.sums[:, walk.BACKGROUND_VARIANCE + at])
            for partition, at in ((alone, 0), (among, 1))
            for trace in [given.trace(partition)]
        ]
        np.testing.assert_array_equal(found[0][0], found[1][0])
        np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-11)


def test_a_finer_grid_has_less_variance() -> None:
    # (a + b)² > a² + b²: the pixels that pass several fine voxels of a coarse one tell
    given, partition = SETUPS["wedge"], Partition.of(Grid((1, 1, 1)), Grid((3, 3, 3)))
    sums = given.trace(partition).sums
    coarse, fine = sums[:, walk.BACKGROUND_VARIANCE :].sum(axis=0)
    labels = pairs_of(given).labels((Grid((1, 1, 1)), Grid((3, 3, 3))))
    moved = np.diff(labels, axis=0) != 0
    assert np.sum(moved[..., 3:].any(axis=-1) & ~moved[..., :3].any(axis=-1)) > 100
    assert coarse > 1.02 * fine


@pytest.mark.parametrize("given", SETUPS.values(), ids=SETUPS)
def test_rows_follow_the_pixels_frame_by_frame(given: Setup) -> None:
    partition = Partition.of(Grid((2, 1, 4)), Grid((3, 3, 3)))
    trace, pairs = given.trace(partition), pairs_of(given)
    expected, labels = pairs.labels(partition.grids), labelled(partition, trace.index)
    for frame in range(given.frames):
        row = trace.rows(frame, given.good.size)
        np.testing.assert_array_equal(row >= 0, given.good.reshape(-1))
        np.testing.assert_array_equal(labels[row[pairs.pixel]], expected[frame])


def test_a_run_begins_where_the_part_changes_and_nowhere_else() -> None:
    given, grid = SETUPS["wedge"], Grid((3, 3, 3))
    trace = given.trace(Partition.of(grid))
    pixel = np.arange(given.good.size)
    for frame in range(given.frames):
        begin, row = trace.runs(frame)
        rows = trace.rows(frame, given.good.size)
        # at the two panels' left edges, and where the row changes
        changes = np.flatnonzero(
            (np.diff(rows, prepend=-9) != 0) | np.isin(pixel % SHAPE[1], (0, 21))
        )
        on_panel = (pixel % SHAPE[1] < 19) | (
            (pixel % SHAPE[1] >= 21) & (pixel >= 2 * SHAPE[1])
        )
        wanted = changes[on_panel[changes]]
        np.testing.assert_array_equal(np.sort(begin[row != END]), wanted)


@settings(deadline=None, max_examples=25)
@drawn(
    seed=st.integers(0, 2**32 - 1),
    length=st.floats(5.0, 300.0),
    tilt=st.floats(-40.0, 40.0),
    subdivide=st.sampled_from([(1, 1, 1), (3, 3, 3), (2, 5, 4)]),
)
def test_every_pixel_lies_in_its_voxel_to_a_millionth(
    seed: int, length: float, tilt: float, subdivide: tuple[int, int, int]
) -> None:
    """The hkl of the formulas, for any cell and tilt, is within 1e-6 of the voxel found."""
    rng = np.random.default_rng(seed)
    turn = rotation_matrix(rng.normal(size=3), tilt)
    given = setup(3, 0.3)
    panels = tuple(
        replace(p, origin=turn @ p.origin, fast=turn @ p.fast, slow=turn @ p.slow)
        for p in given.wedge.panels
    )
    axes = length * np.linalg.qr(rng.normal(size=(3, 3)))[0] * rng.uniform(0.7, 1.3, 3)
    wedge = replace(given.wedge, panels=panels, axes=np.repeat(axes[None], 3, axis=0))
    given = replace(given, wedge=wedge, background=None)
    grid = Grid(subdivide)
    trace, pairs = given.trace(Partition.of(grid)), pairs_of(given)
    voxel = labelled(Partition.of(grid), trace.index)
    for frame in range(given.frames):
        row = trace.rows(frame, given.good.size)[pairs.pixel]
        centre = voxel[row] / np.array(grid.n)
        outside = np.abs(pairs.hkl[frame] - centre) - 0.5 / np.array(grid.n)
        assert outside.max() < 1e-6


def test_a_second_visit_counts_with_the_first() -> None:
    # After 360 degrees every pixel is again where it was: no run is longer than a frame
    given = SETUPS["turns"]
    grids = (Grid((1, 1, 1)),)
    trace = given.trace(Partition.of(*grids))
    pairs = pairs_of(given)
    labels = pairs.labels(grids)
    runs = 1 + np.any(np.diff(labels, axis=0) != 0, axis=-1).sum(axis=0)
    visited = [len(np.unique(labels[:, p], axis=0)) for p in range(labels.shape[1])]
    assert np.sum(runs > visited) > 100
    # taken run by run, the variance would be too small
    by_visit = np.sum(given.clock.background_scale**2) * pairs.background.sum()
    assert trace.sums[:, walk.BACKGROUND_VARIANCE].sum() > 1.5 * by_visit


def test_totals_are_independent_of_the_grid() -> None:
    given = setup()
    totals = [given.trace(Partition.of(*grids)).sums.sum(axis=0) for grids in GRIDS.values()]
    for total in totals[1:]:
        np.testing.assert_allclose(total[: walk.COLUMNS], totals[0][: walk.COLUMNS], rtol=1e-10)
    n = given.good.sum() * given.frames
    assert totals[0][walk.PIXELS] == n
    assert totals[0][walk.FRAME] == pytest.approx(given.good.sum() * given.clock.position.sum())


def test_panels_are_traced_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    # 70 pixels: bands of whole rows that do not divide the panels
    given, partition = setup(), Partition.of(Grid((3, 3, 3)))
    whole = given.trace(partition)
    monkeypatch.setattr(trace_module, "BAND_PIXELS", 70)
    banded = given.trace(partition)
    # Panels that lie side by side take turns, which is another order of additions
    order, of_whole = np.argsort(banded.keys), np.argsort(whole.keys)
    np.testing.assert_array_equal(banded.keys[order], whole.keys[of_whole])
    np.testing.assert_allclose(banded.sums[order], whole.sums[of_whole], rtol=1e-13)
    for frame in (0, given.frames - 1):
        rows = [t.rows(frame, given.good.size)[given.good.reshape(-1)] for t in (banded, whole)]
        np.testing.assert_array_equal(banded.keys[rows[0]], whole.keys[rows[1]])


@pytest.mark.parametrize("parts", [2, 5])
def test_parts_of_frames(parts: int) -> None:
    given, partition = setup(), Partition.of(Grid((3, 3, 3)))
    trace = trace_wedge(
        matrices=given.matrices(parts),
        features=given.features,
        good=given.good,
        partition=partition,
        clock=given.clock.divided(parts),
        background=given.background,
    )
    assert_same(partition, trace, pairs_of(given, parts))


def test_divided_clocks_keep_their_sums() -> None:
    clock = Clock(np.array([0.1, 0.4]), np.array([0.2, 0.3]), np.array([5.0, 6.0]))
    divided = clock.divided(4)
    np.testing.assert_allclose(divided.exposure, [0.025] * 4 + [0.1] * 4)
    np.testing.assert_allclose(divided.position[:4], [4.625, 4.875, 5.125, 5.375])
    np.testing.assert_allclose(divided.cumulative[:2, ::4], clock.cumulative[:2], atol=1e-15)
    np.testing.assert_allclose(divided.cumulative[2, ::4] / 4, clock.cumulative[2])
    np.testing.assert_allclose(np.diff(clock.cumulative)[0], clock.exposure)


def test_matrices_are_those_of_the_frames_asked_for() -> None:
    given = setup()
    every = given.matrices()
    some = hkl_matrices(given.wedge, given.scan, np.array([4, 9]))
    np.testing.assert_array_equal(some, every[[1, 6]])
    # the middle one of an odd number of parts is the middle of the frame
    np.testing.assert_allclose(given.matrices(3)[1::3], every, atol=1e-13)


def test_too_fine_grids_are_refused() -> None:
    given = setup()
    partition = Partition.of(Grid((97, 1, 1)), Grid((89, 1, 1)))
    with pytest.raises(UserError, match="8633 parts per reciprocal cell"):
        given.trace(partition)
