"""The example ``examples/snase`` on real images: what its README says is what it reaches."""

from __future__ import annotations

import bz2
import importlib.util
import logging
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

import ewaldite
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.workflow import run

EXAMPLE = Path(__file__).parents[2] / "examples" / "snase"
# Of refined.expt: 48.442, 48.442, 63.407 Å
CELL = np.array([48.442, 48.442, 63.407])


def load_compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("snase_compare", EXAMPLE / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["snase_compare"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def compare() -> Iterator[ModuleType]:
    yield load_compare()
    sys.modules.pop("snase_compare", None)


@pytest.fixture(scope="module")
def out(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    text = (EXAMPLE / "snase.toml").read_text()
    text = text.replace('"data/', f'"{shared_data / "snase"}/')
    folder = tmp_path_factory.mktemp("snase")
    options = DiffuseOptions.model_validate(tomllib.loads(text))
    context = Context(options, folder, log=logging.getLogger("snase"))
    run(context)
    return context.out


@pytest.fixture(scope="module")
def numbers(compare: ModuleType, out: Path, shared_data: Path) -> dict[str, float]:
    reference = shared_data / "snase" / "snc_diffuse_reference.lat.bz2"
    return dict(compare.compare(out, reference))


def stated() -> dict[str, float]:
    """Numbers in the first column of the README's tables, by the names of ``compare.py``."""
    rows = re.findall(
        r"^\| `([^`]+)` \| ([-\d.,]+) \|", (EXAMPLE / "README.md").read_text(), re.M
    )
    return {name: float(value.replace(",", "")) for name, value in rows}


@pytest.mark.slow
def test_correlations_reach_what_was_asked_for(numbers: dict[str, float]) -> None:
    assert numbers["Friedel correlation"] >= 0.60
    assert numbers["two-fold correlation"] >= 0.56
    assert numbers["P 1 with reference"] > 0.39
    assert numbers["map.nxs with reference"] > 0.39
    # The numbers are of all the list, not of what suits
    assert numbers["voxels seen"] == numbers["voxels of the list"]
    assert numbers["Friedel pairs"] >= 200


@pytest.mark.slow
def test_the_readme_states_what_is_reached(numbers: dict[str, float]) -> None:
    said = stated()
    assert len(said) >= 10
    for name, value in said.items():
        assert numbers[name] == pytest.approx(value, abs=0.01, rel=0.02), name


@pytest.mark.slow
def test_transmissions_leave_the_stills_equally_bright(numbers: dict[str, float]) -> None:
    for still in range(1, 11):
        assert numbers[f"brightness of still {still}"] == pytest.approx(1.0, abs=0.005)


@pytest.mark.slow
def test_empirical_errors_are_larger_than_those_of_counting(
    numbers: dict[str, float], out: Path
) -> None:
    empirical = numbers["Friedel rms of difference/sigma"]
    assert empirical < 0.4 * numbers["Friedel rms of difference/sigma, poisson"]
    merged = ewaldite.load(out / "merged.nxs")
    assert np.all(np.isfinite(merged.variances))
    assert np.all(merged.variances > 0)
    chi2 = merged.coords["chi2"].values.sum() / merged.coords["chi2_expected"].values.sum()
    assert chi2 > 5


@pytest.mark.slow
def test_the_filter_takes_out_bragg_peaks_and_little_else(out: Path) -> None:
    bragg = ewaldite.load(out / "bragg.nxs")
    observations = ewaldite.load(out / "observations.nxs")
    masked = bragg.coords["pixels"].values
    masked = masked[np.isfinite(masked)].sum()
    kept = observations.coords["pixels"].values.sum()
    assert 0.002 < masked / (masked + kept) < 0.05
    spots, diffuse = (
        x.coords["counts"].values.sum() / x.coords["pixels"].values[y].sum()
        for x, y in ((bragg, np.isfinite(bragg.coords["pixels"].values)), (observations, ...))
    )
    assert spots > 2 * diffuse


def test_the_list_of_voxels_is_what_the_readme_says(compare: ModuleType) -> None:
    listed = compare.listed_voxels()
    assert len(np.unique(listed, axis=0)) == len(listed) == 10752
    s = np.linalg.norm(listed / CELL, axis=1)
    assert s.min() >= 0.03
    assert s.max() < 0.60
    assert (EXAMPLE / "voxels.npz").stat().st_size < 200_000


def test_the_reference_is_read_with_h_fastest(compare: ModuleType, tmp_path: Path) -> None:
    values = np.arange(24, dtype="<f4")
    values[5] = -32768.0
    head = np.array([2, 3, 4], "<u4").tobytes() + np.zeros(6, "<f4").tobytes()
    for name, pack in (("a.lat", bytes), ("a.lat.bz2", bz2.compress)):
        (tmp_path / name).write_bytes(pack(head + values.tobytes()))
        lattice = compare.read_lattice(tmp_path / name)
        assert lattice.shape == (2, 3, 4)
        assert lattice[1, 0, 0] == 1.0
        assert lattice[0, 1, 0] == 2.0
        assert lattice[0, 0, 1] == 6.0
        assert np.isnan(lattice[1, 2, 0])


def test_values_outside_of_a_lattice_are_unseen(compare: ModuleType) -> None:
    lattice = np.arange(8.0).reshape(2, 2, 2)
    hkl = np.array([[0, 0, 0], [-1, 0, 0], [1, 0, 0], [0, 0, -1]])
    found = compare.at(lattice, hkl, np.array([1, 1, 1]))
    np.testing.assert_array_equal(found, [7.0, 3.0, np.nan, 6.0])


def test_the_mean_over_4_m_is_one_value_for_all_equivalents(compare: ModuleType) -> None:
    rng = np.random.default_rng(3)
    lattice = rng.normal(size=(62, 62, 80))
    lattice[rng.random(lattice.shape) < 0.3] = np.nan
    h, k, l = 3, 5, 7
    orbit = np.array([[h, k, l], [-h, -k, l], [-k, h, l], [k, -h, l]])
    orbit = np.concatenate([orbit, -orbit])
    expected = np.nanmean(compare.at(lattice, orbit, compare.ORIGIN))
    np.testing.assert_allclose(compare.averaged(lattice, orbit), expected)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.floats(10.0, 1e4), st.floats(-1e4, 1e4))
def test_what_depends_on_the_length_of_s_only_is_removed(
    seed: int, level: float, slope: float
) -> None:
    compare = load_compare()
    s = np.random.default_rng(seed).uniform(0.05, 0.5, 3000)
    left = compare.anisotropic(s, level + slope * s)
    inside = (s > 0.06) & (s < 0.49)
    assert np.abs(left[inside]).max() < 1e-9 * (level + abs(slope))
    # A part that is no function of s stays, whatever the isotropic one is
    signal = np.random.default_rng(seed + 1).normal(size=3000)
    both = compare.anisotropic(s, level + slope * s + signal)
    assert np.corrcoef(both[inside], signal[inside])[0, 1] > 0.97


def test_mates_are_paired_once_and_never_with_themselves(compare: ModuleType) -> None:
    hkl = np.array([[1, 2, 3], [0, 0, 4], [-1, -2, -3], [-1, -2, 3], [5, 5, 5]])
    first, second = compare.mates(hkl, np.array([-1, -1, -1]))
    np.testing.assert_array_equal(hkl[second], -hkl[first])
    assert len(first) == 1
    first, second = compare.mates(hkl, np.array([-1, -1, 1]))
    assert {(int(a), int(b)) for a, b in zip(first, second, strict=True)} == {(0, 3)}


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_rows_are_found_whatever_their_order(seed: int) -> None:
    compare = load_compare()
    rng = np.random.default_rng(seed)
    hkl = np.unique(rng.integers(-60, 61, (500, 3)), axis=0)
    table = rng.permutation(hkl)[:300]
    rows = compare.rows_of(table, hkl)
    found = rows >= 0
    assert found.sum() == len(table)
    np.testing.assert_array_equal(table[rows[found]], hkl[found])


def test_brightness_and_evenness_of_a_table_made_uneven(compare: ModuleType) -> None:
    rng = np.random.default_rng(9)
    direction = rng.normal(size=(40_000, 3))
    s = rng.uniform(0.25, 0.65, 40_000)
    direction *= (s / np.linalg.norm(direction, axis=1))[:, None]
    sweep = np.arange(40_000) % 2
    exposure = rng.uniform(1.0, 3.0, 40_000)
    intensity = (500.0 - 400.0 * s) * np.where(direction[:, 1] > 0, 1.05, 1.0)
    observed = intensity * np.where(sweep == 1, 0.8, 1.0)
    columns = {"exposure": exposure, "counts": observed * exposure, "sweep": sweep}
    columns |= {f"s{x}": direction[:, i] for i, x in enumerate("xyz")}
    table = sc.DataArray(
        sc.array(dims=["voxel"], values=observed),
        coords={name: sc.array(dims=["voxel"], values=x) for name, x in columns.items()},
    )
    found = compare.evenness(table)
    assert found["brightness of still 1"] == 1.0
    assert found["brightness of still 2"] == pytest.approx(0.8, rel=0.01)
    assert found["sy > 0 over sy < 0"] == pytest.approx(1.05, rel=0.005)


def test_correlation_with_a_reference_is_told_apart_by_range(compare: ModuleType) -> None:
    rng = np.random.default_rng(10)
    s = rng.uniform(0.05, 0.55, 20_000)
    signal, noise = rng.normal(size=(2, 20_000))
    reference = 1000.0 * s + np.where(s < 0.25, signal, noise)
    reference[::7] = np.nan
    found = compare.with_reference("r", s, signal, reference)
    assert found["r, 0.15-0.25 1/Å"] > 0.9
    assert abs(found["r, 0.35-0.45 1/Å"]) < 0.1
    assert 0.2 < found["r"] < 0.6


def test_self_correlation_of_a_symmetric_map_with_noise(compare: ModuleType) -> None:
    rng = np.random.default_rng(5)
    half = rng.integers(-40, 41, (4000, 3))
    half = np.unique(half[half[:, 0] > 0], axis=0)
    hkl = np.concatenate([half, -half])
    truth = np.tile(rng.normal(size=len(half)), 2)
    value = truth + rng.normal(size=len(hkl))
    found = compare.self_correlations(hkl, value, np.ones(len(hkl)))
    assert found["Friedel pairs"] == len(half)
    # Signal and noise are equally strong: half of the variance is common
    assert found["Friedel correlation"] == pytest.approx(0.5, abs=0.06)
    assert found["Friedel rms of difference/sigma"] == pytest.approx(1.0, abs=0.06)
