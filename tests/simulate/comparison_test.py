"""A comparison of a written table with a written truth, by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipp as sc
from numpy.typing import NDArray

from ewaldite.io.nexus import save
from ewaldite.simulate.comparison import Comparison, compare_with_truth

FloatArray = NDArray[np.float64]
N = 3


def voxels(count: int) -> NDArray[np.int64]:
    """Index of so many distinct voxels; dims (voxel, 3)."""
    side = int(np.ceil(count ** (1 / 3)))
    cube = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1)
    return cube.reshape(-1, 3)[:count].astype(np.int64)


def write_table(
    folder: Path,
    index: NDArray[np.int64],
    values: FloatArray,
    variances: FloatArray,
    exposure: FloatArray,
    s: FloatArray,
) -> Path:
    columns = {name: index[:, i] / N for i, name in enumerate("hkl")}
    columns |= {"exposure": exposure, "s": s}
    table = sc.DataArray(
        sc.array(dims=["voxel"], values=values, variances=variances, unit="counts"),
        coords={name: sc.array(dims=["voxel"], values=v) for name, v in columns.items()},
    )
    path = folder / "merged.nxs"
    save(path, table)
    return path


def write_truth(
    folder: Path, index: NDArray[np.int64], intensity: FloatArray, disturbed: bool = False
) -> Path:
    path = folder / "truth.npz"
    np.savez(path, hkl=index / N, intensity=intensity, subdivide=N, disturbed=disturbed)
    return path


def compared(
    folder: Path,
    values: FloatArray,
    truth: FloatArray,
    shells: int = 1,
    disturbed: bool = False,
    **given: FloatArray,
) -> Comparison:
    """Compare rows in order, with s ascending and unit errors and exposures."""
    n, index = len(values), voxels(len(values))
    ones = np.ones(n)
    merged = write_table(
        folder,
        index,
        values,
        given.get("variances", ones),
        given.get("exposure", ones),
        given.get("s", np.arange(n, dtype=np.float64)),
    )
    return compare_with_truth(merged, write_truth(folder, index, truth, disturbed), shells)


def test_ratio_chi2_and_correlation_by_hand(tmp_path: Path) -> None:
    found = compared(
        tmp_path,
        np.array([1.0, 2.0, 6.0, 9.0]),
        np.array([2.0, 2.0, 4.0, 8.0]),
        variances=np.array([1.0, 4.0, 2.0, 0.5]),
        exposure=np.array([1.0, 2.0, 3.0, 4.0]),
    )
    assert found.voxels.tolist() == [4]
    assert found.ratio[0] == pytest.approx((1 + 4 + 18 + 36) / (2 + 4 + 12 + 32))
    assert found.chi2[0] == pytest.approx((1 / 1 + 0 / 4 + 4 / 2 + 1 / 0.5) / 4)
    # Deviations from the means 4.5 and 4
    top = (-3.5 * -2) + (-2.5 * -2) + 0 + 4.5 * 4
    assert found.correlation[0] == pytest.approx(
        top / np.sqrt((3.5**2 + 2.5**2 + 1.5**2 + 4.5**2) * (4 + 4 + 16))
    )


def test_shells_hold_equal_numbers_by_length(tmp_path: Path) -> None:
    """Each half has its own ratio; their rows are mixed in the table."""
    rng = np.random.default_rng(1)
    s = rng.permutation(np.linspace(0.1, 0.9, 40))
    truth = rng.uniform(1, 2, 40)
    outer = s > 0.5
    found = compared(tmp_path, np.where(outer, 3.0, 2.0) * truth, truth, shells=2, s=s)
    assert found.voxels.tolist() == [20, 20]
    np.testing.assert_allclose(found.edges, [0.1, 0.5, 0.9])
    np.testing.assert_allclose(found.ratio, [2.0, 3.0])
    np.testing.assert_allclose(found.correlation, 1.0)
    expected = [np.mean(truth[~outer] ** 2), np.mean((2 * truth[outer]) ** 2)]
    np.testing.assert_allclose(found.chi2, expected)


@pytest.mark.parametrize("seed", range(3))
def test_noise_of_the_stated_error_has_chi2_of_one(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    truth, variance = rng.uniform(5, 10, 20_000), rng.uniform(0.5, 4, 20_000)
    observed = truth + rng.normal(0, np.sqrt(variance))
    found = compared(tmp_path, observed, truth, shells=4, variances=variance)
    np.testing.assert_allclose(found.ratio, 1.0, atol=0.01)
    # χ² of 5000 voxels scatters by √(2/5000)
    np.testing.assert_allclose(found.chi2, 1.0, atol=5 * np.sqrt(2 / 5000))
    signal = 25 / 12
    np.testing.assert_allclose(found.correlation, np.sqrt(signal / (signal + 2.25)), atol=0.05)


def test_factor_and_offset_of_a_scaled_table_are_open(tmp_path: Path) -> None:
    """Any factor and any function of |s| leave the comparison as it was; a slope does not."""
    rng = np.random.default_rng(4)
    n = 20_000
    s = np.sqrt(rng.uniform(0.01, 0.36, n))
    truth, exposure = rng.uniform(5, 10, n), rng.uniform(0.5, 2, n)
    variance = 1 / exposure
    noisy = truth + rng.normal(0, np.sqrt(variance))
    ring = 20 * np.exp(-(((s // 0.01) * 0.01 - 0.3) ** 2) / 0.01)
    given = {"exposure": exposure, "s": s}
    found = compared(
        tmp_path, 1.7 * noisy + ring, truth, 4, True, variances=1.7**2 * variance, **given
    )
    assert found.factor == pytest.approx(1.7, rel=0.01)
    np.testing.assert_allclose(found.chi2, 1.0, atol=5 * np.sqrt(2 / 5000))
    np.testing.assert_allclose(found.ratio, 1.0, atol=0.04)
    plain = compared(tmp_path, noisy, truth, 4, True, variances=variance, **given)
    np.testing.assert_allclose(plain.correlation, found.correlation, atol=1e-12)
    np.testing.assert_allclose(plain.ratio, found.ratio, rtol=1e-9)
    np.testing.assert_allclose(plain.chi2, found.chi2, rtol=1e-9)
    assert f"after division by {found.factor:.4g}" in found.lines()[0]
    outer = np.where(s > np.median(s), 1.2, 1.0)
    bent = compared(tmp_path, outer * noisy, truth, 2, True, variances=variance, **given)
    assert bent.ratio[1] / bent.ratio[0] == pytest.approx(1.2, rel=0.03)
    assert bent.chi2.max() > 1.3


def test_voxels_that_only_one_holds_are_ignored(tmp_path: Path) -> None:
    """Voxels are found by their place: the truth is in another order and has others."""
    rng = np.random.default_rng(2)
    index, truth = voxels(60), rng.uniform(1, 2, 60)
    index[:, 0] -= 2
    in_table, in_truth = np.arange(60) < 45, np.arange(60) >= 15
    values = np.where(in_truth, 2.0 * truth, 1e6)
    ones = np.ones(45)
    table = write_table(
        tmp_path, index[in_table], values[in_table], ones, ones, np.arange(45.0)
    )
    shuffled = rng.permutation(np.flatnonzero(in_truth))
    known = np.where(in_table, truth, -1e6)[shuffled]
    found = compare_with_truth(table, write_truth(tmp_path, index[shuffled], known), 3)
    assert found.voxels.sum() == 30
    np.testing.assert_allclose(found.ratio, 2.0)
    np.testing.assert_allclose(found.edges[[0, -1]], [15, 44])


def test_the_table_is_written_as_it_is_said(tmp_path: Path) -> None:
    found = Comparison(
        np.array([0.0, 0.25, 0.5]),
        np.array([10, 200]),
        np.array([1.01234, 0.9]),
        np.array([1.5, 2.0]),
        np.array([0.98765, 0.5]),
    )
    found.write(tmp_path / "truth.txt")
    lines = (tmp_path / "truth.txt").read_text().splitlines()
    assert lines == found.lines()
    assert lines[2].split() == ["0.000", "–", "0.250", "10", "1.0123", "1.50", "0.9877"]
    assert lines[3].split() == ["0.250", "–", "0.500", "200", "0.9000", "2.00", "0.5000"]
