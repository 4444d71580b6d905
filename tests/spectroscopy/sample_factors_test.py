"""Form factor, Debye–Waller factor, polarisation and units of a cut."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipp as sc

import ewaldite
from ewaldite.errors import UserError
from ewaldite.io.nexus import read_info
from ewaldite.plot.cut_parts import s_label
from ewaldite.spectroscopy import sample_factors as module
from ewaldite.spectroscopy.checks import check
from ewaldite.spectroscopy.config import read_config
from ewaldite.spectroscopy.cut import Cut, make_cut
from ewaldite.spectroscopy.cut_setup import CutSetup, set_up_cut
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.resolve import sample_frame
from ewaldite.spectroscopy.run_input import open_run
from ewaldite.spectroscopy.sample_factor_options import SampleFactorOptions
from ewaldite.spectroscopy.sample_factors import sample_factors
from ewaldite.spectroscopy.workflow import reduce_cuts
from ewaldite.tables.magnetic import PER_BOHR_MAGNETON, form_factor
from spectroscopy.simulated_files import (
    PARKED,
    VANADIUM,
    configuration,
    flat_run,
    part,
    vanadium_run,
    write,
)

RUN = '[[run]]\nfile = "sample.nxs"'
HBAR2 = 2.0721248
FE = '[sample_factors]\nion = "Fe2"\nu_iso = "0.01 angstrom^2"\npolarisation = "isotropic"'
PLANE = make_cut(
    name="hl", axes=["h", "l"], bins={"h": [-2, 2, 0.25], "l": [-2, 2, 0.25]},
    integrate={"energy_transfer": [-1, 1]},
)  # fmt: skip
POWDER = make_cut(name="q", axes=["Q"], bins={"Q": [0, 3, 0.25]})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("raw")
    few = part().select(part().channel != 4)
    write(path / "sample.nxs", flat_run(instrument=few, pulses=200), monitor="settings")
    write(path / "vanadium.nxs", replace(vanadium_run(), instrument=few), 3)
    return path


def configured(folder: Path, *more: str) -> SpectroscopyOptions:
    (folder / "c.toml").write_text(configuration(PARKED, RUN, *more))
    return read_config(folder / "c.toml")


def setup(folder: Path, cut: Cut) -> CutSetup:
    options = configured(folder)
    with open_run(options, options.run[0], folder) as run:
        made = set_up_cut(cut, options, [run], None)
    # every eighth pixel is enough
    table = made.pixel.table * (np.arange(len(made.pixel.table)) % 8 == 0)[:, None]
    table[:, 0] = made.pixel.table[:, 0]
    return replace(made, pixel=replace(made.pixel, table=table))


def by_hand(made: CutSetup, matrix: np.ndarray, factor: object, cut: Cut) -> np.ndarray:
    """Mean of a factor of Q (x, y, z on the table) over cells, one cell after the other."""
    e, used = made.exposed, made.pixel.table[:, 1] > 0
    p = replace(made.pixel, k_f=made.pixel.k_f[used], table=made.pixel.table[used])
    edges = e.edges[e.edge_of[0] : e.edge_of[0] + e.cells[0] + 1]
    part = (np.arange(3) + 0.5) / 3
    k = (edges[:-1, None] + np.diff(edges)[:, None] * part).ravel()
    sums = np.zeros((2, made.grid.size))
    for j in range(len(e)):
        counts = np.repeat(e.counts[e.count_of[j] : e.count_of[j] + e.cells[j]], 3)
        t, a4 = np.deg2rad(e.a3[j]), np.deg2rad(e.a4[j])
        x, y, z = p.k_f.T
        final = np.stack([np.cos(a4) * x + np.sin(a4) * z, y, np.cos(a4) * z - np.sin(a4) * x])
        lab = -final[:, :, None] * np.ones(k.size)
        lab[2] += k
        q = np.stack(
            [np.cos(t) * lab[0] - np.sin(t) * lab[2], lab[1],
             np.sin(t) * lab[0] + np.cos(t) * lab[2]]
        ).reshape(3, -1)  # fmt: skip
        energy = (HBAR2 * k**2 - p.table[:, :1]).ravel()
        values = {"Q": np.linalg.norm(q, axis=0), "energy_transfer": energy}
        values |= dict(zip("hkl", matrix @ q, strict=True))
        weight = (p.table[:, 1:2] * np.maximum(counts, 0)).ravel()
        for name, (low, high) in cut.integrate.items():
            weight = weight * ((values[name] >= low) & (values[name] < high))
        where = np.stack([values[axis] for axis in cut.axes], axis=1)
        bins = [cut.edges(axis) for axis in cut.axes]
        f = factor(q)  # type: ignore[operator]
        for row, w in enumerate((weight, weight * f)):
            sums[row] += np.histogramdd(where, bins, weights=w)[0].ravel()
    return np.divide(sums[1], sums[0], out=np.full(sums.shape[1], np.nan), where=sums[0] > 0)


@pytest.mark.parametrize(
    ("kind", "cut"),
    [("transverse", PLANE), ("longitudinal", PLANE), ("isotropic", POWDER)],
    ids=["transverse", "longitudinal", "isotropic"],
)
def test_means_are_those_of_all_cells(folder: Path, kind: str, cut: Cut) -> None:
    made = setup(folder, cut)
    crystal = sample_frame(configured(folder).sample)
    assert crystal is not None
    moment = None if kind == "isotropic" else (1.0, 0.3, 0.2)
    options = SampleFactorOptions(
        ion="Fe2", g=1.6, u_iso="0.02 angstrom^2", polarisation=kind, moment=moment
    )  # type: ignore[arg-type]
    factors = sample_factors(options, crystal)
    assert factors is not None

    def factor(q: np.ndarray) -> np.ndarray:
        length = np.linalg.norm(q, axis=0)
        f = form_factor("Fe2", length, 1.6) ** 2 * np.exp(-0.02 * length**2)
        # the cell is cubic
        m = np.array([1.0, 0.3, 0.2]) / np.linalg.norm([1.0, 0.3, 0.2])
        table = {"a": np.array([0, 0, 1.0]), "b": np.array([0, -1.0, 0]), "c": [1.0, 0, 0]}
        along = m[0] * table["a"] + m[1] * table["b"] + m[2] * np.array(table["c"])
        cosine = along @ q / length
        return f * {"transverse": 1 + cosine**2, "longitudinal": 1 - cosine**2,
                    "isotropic": 2.0}[kind]  # fmt: skip

    expected = by_hand(made, crystal.to_hkl, factor, cut)
    covered = np.isfinite(expected).astype(float)
    found = factors.means(made.grid, made.pixel, made.exposed, covered)
    np.testing.assert_allclose(found, expected, rtol=2e-4)
    assert np.nanmax(found) > 1.3 * np.nanmin(found)


def test_large_cuts_are_sampled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = setup(folder, POWDER)
    factors = sample_factors(SampleFactorOptions(ion="Mn2"), None)
    assert factors is not None
    covered = np.ones(made.grid.size)
    whole = factors.means(made.grid, made.pixel, made.exposed, covered)
    monkeypatch.setattr(module, "CELLS", 100_000)
    part = factors.means(made.grid, made.pixel, made.exposed, covered)
    assert not np.array_equal(part, whole)
    np.testing.assert_allclose(part, whole, rtol=0.01)
    # bins that no cell's middle lies in take the nearest one's
    assert np.all(np.isfinite(whole))


def reduced(folder: Path, tmp: Path, *more: str) -> sc.DataGroup:
    options = configured(folder, *more)
    made = reduce_cuts(options, tmp, base=folder, log=logging.getLogger("t"))
    return made[0].data


def test_a_cut_is_divided_with_its_errors(folder: Path, tmp_path: Path) -> None:
    amount = '[normalise]\namount = "0.5 mol"'
    plain = reduced(folder, tmp_path / "a", VANADIUM, amount)
    data = reduced(folder, tmp_path / "b", VANADIUM, amount, f'{FE}\nunit = "muB2/eV"')
    factor = data["factor"].values
    assert np.nanmax(factor) < 2.0
    scale = 1000 / PER_BOHR_MAGNETON / factor
    for name in ("S", "lower", "upper"):
        np.testing.assert_allclose(data[name].values, plain[name].values * scale, rtol=1e-12)
        assert data[name].unit == sc.Unit("1/eV")
        assert data[name].coords["intensity_unit"].value == "µB²/eV"
    np.testing.assert_allclose(data["S"].variances, plain["S"].variances * scale**2)
    parts = data["counting_variance"].values + data["common_variance"].values
    np.testing.assert_allclose(parts, data["S"].variances)
    for name in ("events", "coverage"):
        np.testing.assert_array_equal(data[name].values, plain[name].values)
    stored = ewaldite.load(tmp_path / "b" / "cuts" / "e.nxs")
    assert sc.identical(stored["factor"], data["factor"], equal_nan=True)
    assert stored["S"].coords["intensity_unit"].value == "µB²/eV"
    used = read_info(tmp_path / "b" / "cuts" / "e.nxs").provenance.tables
    assert "P. J. Brown" in used["magnetic form factor"]
    assert s_label(data["S"]) == "S(Q, ω) (µB²/eV)"
    other = sample_factors(SampleFactorOptions(unit="mbarn"), None)
    assert other is not None
    one = np.ones(plain["S"].size)
    in_mbarn = other.divide(plain, one)
    assert in_mbarn["S"].unit == sc.Unit("mbarn/meV/sr")
    np.testing.assert_allclose(in_mbarn["S"].values, 1000 * plain["S"].values)
    with pytest.raises(UserError, match="S is not absolute"):
        other.divide(data, one)


def test_bins_without_a_factor_are_masked() -> None:
    factors = sample_factors(SampleFactorOptions(), None)
    assert factors is not None
    x = sc.array(dims=["x"], values=[1.0, 2.0, 3.0], variances=[1.0, 1.0, 1.0])
    one = sc.DataArray(x)
    bare = sc.DataArray(sc.array(dims=["x"], values=[1.0, 2.0, 3.0]))
    names = ("lower", "upper", "counting_variance", "common_variance", "coverage")
    data = sc.DataGroup({"S": one, **dict.fromkeys(names, bare)})
    out = factors.divide(data, np.array([0.5, 1e-9, np.nan]))
    np.testing.assert_array_equal(out["S"].values, [2.0, np.nan, np.nan])
    np.testing.assert_array_equal(out["S"].masks["no_factor"].values, [False, True, True])
    assert data["S"].values[0] == 1.0


def test_b_and_u_are_the_same() -> None:
    q = np.linspace(0, 5, 11)
    u, b = (
        sample_factors(SampleFactorOptions(**{name: text}), None)  # type: ignore[arg-type]
        for name, text in (
            ("u_iso", "0.01 angstrom^2"), ("b_iso", f"{8 * np.pi**2} pm^2")
        )
    )  # fmt: skip
    assert u is not None
    assert b is not None
    np.testing.assert_allclose(u.radial(q), np.exp(-0.01 * q**2), rtol=1e-12)
    np.testing.assert_allclose(b.square, 1e-4)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('ion = "Fe9"', "The nearest are Fe0, Fe1"),
        ('u_iso = "0.01 nm"', "is not in units of angstrom"),
    ],
)
def test_mistakes_are_told_before_the_work(folder: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check(configured(folder, f"[sample_factors]\n{text}"), folder)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('u_iso = "1 angstrom^2"\nb_iso = "1 angstrom^2"', "give one of them"),
        ('polarisation = "transverse"', "moment belongs to"),
        ("moment = [1, 0, 0]", "moment belongs to"),
        ('polarisation = "transverse"\nmoment = [0, 0, 0]', "has no direction"),
        ("g = 0", "g"),
        ('unit = "counts"', "unit"),
    ],
)
def test_sections_that_say_nothing(folder: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        configured(folder, f"[sample_factors]\n{text}")


def test_a_moment_needs_a_crystal() -> None:
    options = SampleFactorOptions(polarisation="transverse", moment=(1, 0, 0))
    with pytest.raises(UserError, match="there is no crystal"):
        sample_factors(options, None)
    assert sample_factors(None, None) is None
