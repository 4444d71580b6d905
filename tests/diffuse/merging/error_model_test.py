from __future__ import annotations

import numpy as np
import pytest

from diffuse.merging.three_batches import observe, pieces
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.merging.blocks import Blocks
from ewaldite.diffuse.merging.error_model import as_if_alone, fit_error
from ewaldite.diffuse.merging.merge_sums import Merger
from ewaldite.diffuse.merging.outliers import residuals
from ewaldite.diffuse.merging.stream import Merge, merge_blocks
from ewaldite.kernels import histogram as kernel

GROUP = space_group("P 21 21 21")
VOXELS = 3000


def fitted(
    error: tuple[float, ...], level: float = 300.0, multiplicity: int = 4, **options: object
) -> Merge:
    rng = np.random.default_rng(5)
    truth = level * rng.gamma(2.0, 0.5, VOXELS)
    table = observe(
        rng, truth, voxels=VOXELS, error=error, background=5.0, multiplicity=multiplicity
    )
    chosen: dict[str, object] = {"error_model": "systematic", **options}
    found = merge_blocks(lambda: pieces(table, [9000]), GROUP, **chosen)  # type: ignore[arg-type]
    pulls = (found.merged.values[np.lexsort(keys(found))] - truth) ** 2
    found.merged.coords["pull"] = found.merged.coords["chi2"].copy()
    found.merged.coords["pull"].values[np.lexsort(keys(found))] = pulls
    return found


def keys(found: Merge) -> list[np.ndarray]:
    return [found.merged.coords[x].values for x in "lkh"]


def test_planted_errors_are_found_and_residuals_get_unit_variance() -> None:
    planted = (0.05, 0.1, 0.02)
    found = fitted(planted)
    error = found.error
    assert error is not None
    np.testing.assert_allclose(error.value, planted, rtol=0.03, atol=0.0015)
    assert np.all(np.abs(error.value - planted) < 3 * error.uncertainty)
    assert np.all(error.chi2_before > [1.5, 3.0, 1.05])
    np.testing.assert_allclose(error.chi2_after, 1.0, atol=0.03)
    # the merged error is what the merged value is off by
    ratio = found.merged.coords["pull"].values.mean() / found.merged.variances.mean()
    assert ratio == pytest.approx(1, abs=0.08)
    inside = found.merged.coords["lower"].values < found.merged.coords["upper"].values
    assert inside.all()


def test_errors_without_the_model_are_too_small() -> None:
    plain = fitted((0.05, 0.1, 0.02), error_model="none")
    assert plain.error is None
    assert plain.merged.coords["pull"].values.mean() > 2 * plain.merged.variances.mean()


def test_the_interval_covers_with_the_systematic_error() -> None:
    found = fitted((0.08, 0.08, 0.08))
    off = np.sqrt(found.merged.coords["pull"].values)
    half = (found.merged.coords["upper"] - found.merged.coords["lower"]).values / 2
    assert np.mean(off < half) == pytest.approx(0.683, abs=0.03)


def test_weights_take_account_of_it() -> None:
    planted = (0.01, 0.3, 0.01)
    with_model, without = fitted(planted), fitted(planted, error_model="none")
    pull = [f.merged.coords["pull"].values.mean() for f in (with_model, without)]
    assert pull[0] < 0.5 * pull[1]


def test_counting_errors_alone_leave_nothing_to_find() -> None:
    found = fitted((0.0, 0.0, 0.0), level=20.0)
    assert found.error is not None
    # the error of g² is 2 g σ(g)
    assert np.all(found.error.value < 3 * 2 * np.nan_to_num(found.error.uncertainty, nan=1e-9))
    np.testing.assert_allclose(found.error.chi2_before, 1.0, atol=0.04)


def test_the_error_of_one_sweep_does_not_leak_into_another() -> None:
    # two thirds of what this sweep is compared with are off by 30 %
    found = fitted((0.02, 0.3, 0.3), multiplicity=2)
    assert found.error is not None
    np.testing.assert_allclose(found.error.value, (0.02, 0.3, 0.3), rtol=0.03, atol=0.006)


def test_one_error_for_all_sweeps() -> None:
    found = fitted((0.07, 0.07, 0.07), error_by_sweep=False)
    assert found.error is not None
    np.testing.assert_allclose(found.error.value, 0.07, rtol=0.04)
    assert np.ptp(found.error.value) == 0


def histogram(g: float, outliers: int, rng: np.random.Generator) -> np.ndarray:
    u = np.exp(rng.uniform(0, 10, 40_000))
    z = np.sqrt(1 + g**2 * u) * rng.normal(size=u.size)
    z[:outliers] += 1000
    table = np.zeros((1, kernel.SIGNAL_BINS, kernel.RESIDUAL_BINS, 3))
    kernel.add_residuals(np.zeros(u.size, np.int32), z, u, table)
    return table


@pytest.mark.parametrize("g", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("outliers", [0, 400])
def test_fit_withstands_outliers(g: float, outliers: int) -> None:
    found = fit_error(histogram(g, outliers, np.random.default_rng(6)))
    assert found.value[0] == pytest.approx(g, rel=0.05)
    assert found.uncertainty[0] < 0.03 * g
    assert found.number[0] <= 40_000 - 0.9 * outliers


def test_a_sweep_without_residuals_has_no_error() -> None:
    table = histogram(0.1, 0, np.random.default_rng(7))
    found = fit_error(np.concatenate([table, np.zeros_like(table)]))
    assert found.value[1] == 0
    assert found.number[1] == 0
    assert np.isnan(found.uncertainty[1])


def test_bins_hold_every_residual_whatever_its_size() -> None:
    z = np.array([0.0, 1e-9, 1e9, np.nan, -3.0, 1.0])
    u = np.array([0.0, 1e-9, 1e30, 1.0, 4.0, np.nan])
    table = np.zeros((1, kernel.SIGNAL_BINS, kernel.RESIDUAL_BINS, 3))
    kernel.add_residuals(np.zeros(6, np.int32), z, u, table)
    assert table[..., 0].sum() == 4
    assert table[..., 1].sum() == pytest.approx(1e18)
    edges = kernel.upper_edges()
    at = int(np.flatnonzero(table[0, :, :, 2].sum(axis=0) == 4.0)[0])
    assert edges[at - 1] <= 3.0 < edges[at]


def test_residuals_are_made_those_of_counting_whatever_the_others_errors_are() -> None:
    rng = np.random.default_rng(8)
    planted = np.array([0.05, 0.2, 0.0])
    truth = 300 * rng.gamma(1.0, 1.0, 10_000)
    table = observe(rng, truth, voxels=10_000, error=tuple(planted), multiplicity=1)
    blocks = Blocks(lambda: [table])
    survey = blocks.survey(GROUP)
    merger = Merger(survey, "ratio", 0, with_error=True)
    (block,) = blocks.predicted(survey.rates, planted)
    row, _ = merger.add(block)
    z, signal = residuals(block, merger.sums, row)
    z = z * as_if_alone(block, merger, row, merger.sums.variance_of_mean, signal)
    strong = signal > 100
    for sweep, g in enumerate(planted):
        own = strong & (table.sweep == sweep)
        ratio = np.mean(z[own] ** 2 / (1 + g**2 * signal[own]))
        assert ratio == pytest.approx(1, abs=0.06)
