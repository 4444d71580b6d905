"""Coverage against brute force: many points a cell, binned as events are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ewaldite.crystal.symmetry import space_group
from ewaldite.geometry.neutron import energy, wavenumber
from ewaldite.kernels.coverage import COVERAGE, SPAN, WIDTH
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.coverage import Coverage, coverage
from ewaldite.spectroscopy.cut import Cut
from ewaldite.spectroscopy.cut_events import EventSums
from ewaldite.spectroscopy.cut_grid import CutGrid, cut_grid
from ewaldite.spectroscopy.exposure import Exposure, block, exposure, join
from ewaldite.spectroscopy.flux import resolved_flux, shared_flux
from ewaldite.spectroscopy.pixels import Pixels
from spectroscopy.toys import ARCS, CUBIC, band, counts_of, fan

FloatArray = NDArray[np.float64]

BAND = band(40)
A4 = np.concatenate([np.linspace(8, 88, 7)] * 5)
E_F = np.repeat(ARCS, 7) * (1 + 0.002 * np.tile(np.arange(7), 5))
A3 = np.array([0.0, 13.0, 26.0, 71.0])
RNG = np.random.default_rng(5)
COUNTS = RNG.poisson(counts_of(4e4 / BAND.energy, BAND), (4, len(BAND))).astype(float)
N_B = Backend(
    np.arange(35) + 1,
    RNG.uniform(0.5, 2, 35),
    np.full(35, 0.01),
    np.arange(35) % 3,
    np.zeros((3, 0)),
)

TWO = Cut(
    name="two",
    axes=["h", "energy_transfer"],
    bins={"h": (-1, 3, 0.25), "energy_transfer": (-1, 2, 0.25)},
    integrate={"k": (0.0, 0.1), "l": (-2, 0.3)},
)
FOUR = Cut(
    name="four",
    axes=["0.5h+0.5l", "k", "energy_transfer", "Q"],
    bins={"0.5h+0.5l": (-1, 2, 0.5), "k": (-1, 1, 1), "energy_transfer": (-1, 2, 0.5),
          "Q": (0.2, 2.6, 0.4)},
)  # fmt: skip
POWDER = Cut(
    name="powder",
    axes=["Q", "energy_transfer"],
    bins={"Q": (0, 3, 0.1), "energy_transfer": (-2, 2, 0.2)},
)


def setup(shared: bool = False) -> tuple[Pixels, FloatArray, FloatArray, Exposure]:
    pixel, direction, k_f = fan(A4, E_F, N_B)
    if shared:
        parts = np.tile([[0.1], [0.2], [0.3], [0.4]], (1, len(BAND)))
        return pixel, direction, k_f, exposure(shared_flux(BAND, COUNTS[0], parts), A3, 5.0)
    return pixel, direction, k_f, exposure(resolved_flux(BAND, COUNTS), A3, 5.0)


def brute(grid: CutGrid, points: int, counts: FloatArray) -> FloatArray:
    """Σ n N_b k_f with points in place of lines, from the formulas of the specification."""
    _, direction, k_f, _ = setup()
    total = np.zeros(grid.size)
    turn = np.deg2rad(5.0)
    x = np.cos(turn) * direction[:, 0] + np.sin(turn) * direction[:, 2]
    z = np.cos(turn) * direction[:, 2] - np.sin(turn) * direction[:, 0]
    low, high = BAND.edges[:-1], BAND.edges[1:]
    cut = grid.cut
    for j, a3 in enumerate(np.deg2rad(A3)):
        for s in (np.arange(points) + 0.5) / points:
            k = (low + s * (high - low))[None, :]
            q = np.stack([-k_f[:, None] * x[:, None] + 0 * k, k - (k_f * z)[:, None]])
            table = np.stack([np.cos(a3) * q[0] - np.sin(a3) * q[1], np.zeros_like(q[0]),
                              np.sin(a3) * q[0] + np.cos(a3) * q[1]])  # fmt: skip
            hkl = np.einsum("hx,xpm->hpm", CUBIC_HKL, table)
            value = {"h": hkl[0], "k": hkl[1], "l": hkl[2], "0.5h+0.5l": (hkl[0] + hkl[2]) / 2}
            value["energy_transfer"] = energy(k) - E_F[:, None]
            value["Q"] = np.hypot(q[0], q[1])
            sample = np.stack([np.broadcast_to(value[a], q[0].shape).ravel() for a in cut.axes])
            weight = (counts[j][None, :] * (N_B.value * k_f)[:, None] / points).copy()
            for name, (bottom, top) in cut.integrate.items():
                weight[(value[name] < bottom) | (value[name] >= top)] = 0
            found, _ = np.histogramdd(
                sample.T, bins=[cut.edges(a) for a in cut.axes], weights=weight.ravel()
            )
            total += found.ravel()
    return total


# a* along the beam, c* along x: h from z, l from x, k downwards
CUBIC_HKL = np.array([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]) * CUBIC[0, 0]


@pytest.mark.parametrize("cut", [TWO, FOUR, POWDER], ids=lambda c: c.name)
def test_lines_are_the_limit_of_points(cut: Cut) -> None:
    grid = cut_grid(cut, CUBIC_HKL)
    pixel, _, _, steps = setup()
    made = coverage(grid, pixel, steps)
    expected = brute(grid, 200, COUNTS)
    assert expected.sum() > 0
    scale = expected.max()
    np.testing.assert_allclose(made.coverage, expected, rtol=5e-3, atol=2e-3 * scale)
    np.testing.assert_allclose(made.coverage.sum(), expected.sum(), rtol=2e-3)
    np.testing.assert_array_equal(made.coverage > 0, made.sums[:, SPAN] > 0)


def test_all_of_it_is_there() -> None:
    everything = Cut(name="all", axes=["energy_transfer"], bins={"energy_transfer": (-9, 9, 1)})
    pixel, _, k_f, steps = setup()
    made = coverage(cut_grid(everything), pixel, steps)
    assert made.coverage.sum() == pytest.approx(COUNTS.sum() * (N_B.value * k_f).sum())
    assert made.width.sum() == pytest.approx(BAND.width.sum() * 35 * 4)


def independent_variance(made: Coverage, cause: str, shared: bool) -> FloatArray:
    """Variance by the change of each cause, one by one."""
    grid = cut_grid(TWO, CUBIC_HKL)
    pixel, _, _, steps = setup(shared)
    total = np.zeros(grid.size)
    if cause == "pixel":
        for p in range(35):
            table = pixel.table.copy()
            table[p, 1] *= 1.1
            moved = coverage(grid, replace(pixel, table=table), steps)
            total += ((moved.coverage - made.coverage) / 0.1) ** 2 * pixel.table[p, 2]
        return total
    for g in range(steps.relative.size):
        counts = steps.counts.copy()
        for j, m in steps.members[steps.bounds[g] : steps.bounds[g + 1]]:
            counts[steps.count_of[j] + m] *= 1.1
        moved = coverage(grid, pixel, Exposure(**{**vars(steps), "counts": counts}))
        total += ((moved.coverage - made.coverage) / 0.1) ** 2 * steps.relative[g]
    return total


@pytest.mark.parametrize("shared", [False, True])
def test_errors_are_the_sum_over_causes(shared: bool) -> None:
    pixel, _, _, steps = setup(shared)
    made = coverage(cut_grid(TWO, CUBIC_HKL), pixel, steps)
    for cause, mine in (("pixel", made.by_pixel), ("monitor", made.by_monitor)):
        expected = independent_variance(made, cause, shared)
        np.testing.assert_allclose(mine[:, COVERAGE], expected, rtol=1e-7, atol=1e-9)


def test_the_diagonal_of_the_covariance_is_the_variance() -> None:
    pixel, _, _, steps = setup()
    pixel = replace(pixel, modes=RNG.normal(0, 0.02, (3, 2)))
    made = coverage(cut_grid(TWO, CUBIC_HKL), pixel, steps)
    some = np.flatnonzero(made.coverage > 0)
    covariance = made.covariance(some)
    expected = made.relative_variance()[some] * made.coverage[some] ** 2
    np.testing.assert_allclose(np.diag(covariance), expected, rtol=1e-9)
    # a sum of bins: as one wide bin has it
    one = Cut(name="one", axes=["h"], bins={"h": (-1, 3, 4)},
              integrate={**TWO.integrate, "energy_transfer": (-1, 2)})  # fmt: skip
    wide = coverage(cut_grid(one, CUBIC_HKL), pixel, steps)
    total = wide.relative_variance()[0] * wide.coverage[0] ** 2
    assert covariance.sum() == pytest.approx(total, rel=1e-9)


def test_without_room_the_factors_go_and_the_variances_stay() -> None:
    pixel, _, _, steps = setup()
    grid = cut_grid(TWO, CUBIC_HKL)
    full, lean = coverage(grid, pixel, steps), coverage(grid, pixel, steps, terms=8)
    np.testing.assert_array_equal(full.relative_variance(), lean.relative_variance())
    assert lean.pixel_factor is None
    with pytest.raises(ValueError, match="not kept"):
        lean.covariance([0, 1])


def test_threads_change_no_bit() -> None:
    pixel, _, _, steps = setup()
    grid = cut_grid(FOUR, CUBIC_HKL)
    one, three = (coverage(grid, pixel, steps, threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.sums, three.sums)
    np.testing.assert_array_equal(one.by_monitor, three.by_monitor)


def test_runs_add_up_and_pixels_stay_common() -> None:
    pixel, _, _, steps = setup()
    coarse = band(33)
    counts = np.full((2, len(coarse)), 900.0)
    other = exposure(resolved_flux(coarse, counts), [5.0, 8.0], -10.0)
    grid = cut_grid(TWO, CUBIC_HKL)
    a, b = coverage(grid, pixel, steps), coverage(grid, pixel, other)
    both = coverage(grid, pixel, join([steps, other]))
    np.testing.assert_allclose(both.sums, a.sums + b.sums, rtol=1e-12)
    np.testing.assert_allclose(both.by_monitor, a.by_monitor + b.by_monitor, rtol=1e-12)
    # errors of one pixel add before they are squared
    overlap = (a.coverage > 0) & (b.coverage > 0)
    assert np.any(overlap)
    separate = (a.by_pixel + b.by_pixel)[:, COVERAGE]
    assert np.all(both.by_pixel[overlap, COVERAGE] > separate[overlap])


def test_masked_pixels_and_absent_intervals_are_not_there() -> None:
    pixel, _, _, _ = setup()
    grid = cut_grid(TWO, CUBIC_HKL)
    table = pixel.table.copy()
    table[::2, 1] = 0.0
    counts = COUNTS.copy()
    counts[:, 20:] = 3.0
    few = exposure(resolved_flux(BAND, counts, minimum_counts=50), A3, 5.0)
    made = coverage(grid, replace(pixel, table=table), few)
    kept = N_B.value.copy()
    kept[::2] = 0
    counts[:, 20:] = 0.0
    expected = brute(grid, 200, counts)
    assert made.coverage.sum() < expected.sum()
    np.testing.assert_array_equal(made.coverage[expected == 0], 0.0)


def test_readings_too_small_to_divide_by_have_no_width() -> None:
    pixel, _, _, _ = setup()
    counts = COUNTS.copy()
    counts[1] = 8.0
    made = coverage(
        cut_grid(TWO, CUBIC_HKL), pixel, exposure(resolved_flux(BAND, counts), A3, 5)
    )
    whole = coverage(cut_grid(TWO, CUBIC_HKL), pixel, setup()[3])
    np.testing.assert_allclose(made.sums[:, SPAN], whole.sums[:, SPAN], rtol=1e-12)
    assert made.sums[:, WIDTH].sum() < whole.sums[:, WIDTH].sum()


@settings(deadline=None, max_examples=10)
@given(st.sampled_from(["P 2", "P 2/m", "P 4", "P 4/m m m", "P m -3 m"]))
def test_symmetry_of_the_plane_only(name: str) -> None:
    """Operations that differ out of the plane only are the same operation here."""
    grid = cut_grid(TWO, CUBIC_HKL, space_group(name).point_operations)
    plane = {"P 2": 2, "P 2/m": 2, "P 4": 4, "P 4/m m m": 4, "P m -3 m": 24}
    assert grid.table.shape[0] <= len(space_group(name).point_operations)
    if name in ("P 2", "P 2/m"):  # two-fold along b, which is upright
        assert grid.table.shape[0] == plane[name]


def test_symmetry_maps_coverage_onto_itself() -> None:
    cut = Cut(name="s", axes=["h", "l"], bins={"h": (-2, 2, 0.5), "l": (-2, 2, 0.5)},
              integrate={"energy_transfer": (-0.5, 0.5)})  # fmt: skip
    pixel, _, _, steps = setup()
    two_fold = space_group("P 2").point_operations
    made = coverage(cut_grid(cut, CUBIC_HKL, two_fold), pixel, steps).coverage.reshape(8, 8)
    np.testing.assert_allclose(made, made[::-1, ::-1], rtol=1e-9)
    once = coverage(cut_grid(cut, CUBIC_HKL), pixel, steps).coverage.reshape(8, 8)
    np.testing.assert_allclose(made, once + once[::-1, ::-1], rtol=1e-9, atol=1e-9)


def test_upright_coordinates_are_exactly_zero() -> None:
    """With rounding in the matrix an edge at 0 would lose half of what is there."""
    tilted = CUBIC_HKL.copy()
    tilted[1, 0] = 3e-17
    pixel, _, _, steps = setup()
    made, expected = (coverage(cut_grid(TWO, m), pixel, steps) for m in (tilted, CUBIC_HKL))
    np.testing.assert_array_equal(made.sums, expected.sums)
    k_f = wavenumber(E_F)
    assert np.all(pixel.k_f[:, 1] == 0.0)
    assert k_f.min() > 1


def test_masked_cells_are_left_out_of_coverage_errors_and_events() -> None:
    pixel, _, _, steps = setup()
    grid = cut_grid(TWO, CUBIC_HKL)
    masks = [RNG.random((35, len(BAND))) < 0.4 for _ in range(2)]
    masks[0][:] |= masks[1]
    masked = block(steps, masks, [0, -1, 1, 0])
    made = coverage(grid, pixel, masked)
    lost = np.zeros(grid.size)
    events, whole = EventSums(grid, pixel, masked), EventSums(grid, pixel, steps)
    for j, which in ((0, 0), (2, 1), (3, 0)):
        # what is left out, one pixel at a time
        for p in range(35):
            counts = np.where(masks[which][p], COUNTS[j], 0.0)
            only = replace(pixel, k_f=pixel.k_f[p : p + 1], table=pixel.table[p : p + 1])
            one = exposure(
                replace(resolved_flux(BAND, COUNTS[[j]]), counts=counts[None]), A3[[j]], 5.0
            )
            lost += coverage(grid, only, one).coverage
    full = coverage(grid, pixel, steps)
    np.testing.assert_allclose(made.coverage, full.coverage - lost, rtol=1e-9, atol=1e-6)
    assert np.all(made.by_monitor <= full.by_monitor + 1e-9)
    some = RNG.integers(0, 35, 4000)
    k, step = BAND.wavenumber[RNG.integers(0, len(BAND), 4000)], RNG.integers(0, 4, 4000)
    events.add(some, k, step)
    whole.add(some, k, step)
    cell = np.searchsorted(BAND.edges, k) - 1
    which = np.array([0, -1, 1, 0])[step]
    hidden = (which >= 0) & np.stack(masks)[which, some, cell]
    assert events.reasons["masked"] == np.count_nonzero(hidden)
    assert events.sums[:, 0].sum() < whole.sums[:, 0].sum()
    both = join([steps, masked])
    twice = coverage(grid, pixel, both)
    np.testing.assert_allclose(twice.coverage, made.coverage + full.coverage, rtol=1e-9)
