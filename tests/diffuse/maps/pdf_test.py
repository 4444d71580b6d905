"""The 3D-ΔPDF has its peaks, its scale and its noise where the formula says."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from diffuse.maps.worlds import CELL, D_MIN, metric_of, sphere
from ewaldite.crystal.cell import volume
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.maps.expand import expand
from ewaldite.diffuse.maps.pdf import delta_pdf, pdf_bytes, pdf_shape, window
from ewaldite.diffuse.maps.pdf_options import PdfOptions
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

PLAIN = PdfOptions(window="none")


def world(
    function: object, name: str = "P 1", n: tuple[int, int, int] = (2, 3, 2), mode: str = "node"
) -> sc.DataArray:
    grid = Grid(n, "split" if mode == "split" else "node")
    table = sphere(name, grid, function)  # type: ignore[arg-type]
    return expand(table, space_group(name), metric_of(CELL[name]), D_MIN)


def waves(u: tuple[float, float, float]) -> sc.DataArray:
    return world(lambda hkl, s: np.cos(2 * np.pi * hkl @ u))


def direct(array: sc.DataArray, cell: np.ndarray, u: np.ndarray) -> np.ndarray:
    """The sum of the definition, term by term; u in parts of the cell, dims (point, 3)."""
    there = ~array.masks["absent"].values
    hkl = np.stack(
        np.meshgrid(*[array.coords[x].values for x in "hkl"], indexing="ij"), axis=-1
    )[there]
    n = [array.coords[f"n_{x}"].value for x in "hkl"]
    voxel = 1 / (volume(cell) * np.prod(n))
    return np.cos(2 * np.pi * u @ hkl.T) @ array.values[there] * voxel


@pytest.mark.parametrize("u", [(0.25, 0.0, 0.0), (0.3, 0.4, -0.2), (0.0, 1.2, 0.5)])
def test_waves_in_the_map_are_peaks_at_plus_and_minus_their_vector(
    u: tuple[float, float, float],
) -> None:
    pdf = delta_pdf(waves(u), CELL["P 1"], D_MIN, PdfOptions(padding=2))
    assert pdf.dims == ("u", "v", "w")
    assert str(pdf.coords["u"].unit) == "Å"
    at = np.unravel_index(int(np.argmax(pdf.values)), pdf.shape)
    found = np.array([pdf.coords[x].values[i] for x, i in zip("uvw", at, strict=True)])
    wanted = np.array(u) * CELL["P 1"][:3]
    step = np.array([np.diff(pdf.coords[x].values)[0] for x in "uvw"])
    assert min(np.abs(found - s * wanted).max() / step.max() for s in (1, -1)) < 0.6
    assert (np.minimum(np.abs(found - wanted), np.abs(found + wanted)) < 0.6 * step).all()
    np.testing.assert_allclose(pdf.values, pdf.values[::-1, ::-1, ::-1], atol=1e-12)


@pytest.mark.parametrize("mode", ["node", "split"])
@pytest.mark.parametrize("padding", [1.0, 1.5])
def test_every_sample_is_the_sum_of_the_definition(mode: str, padding: float) -> None:
    array = world(lambda hkl, s: np.cos(hkl @ [2.0, -1.0, 0.4]) + s, n=(2, 1, 3), mode=mode)
    cell = CELL["P 1"]
    pdf = delta_pdf(array, cell, D_MIN, PdfOptions(window="none", padding=padding))
    rng = np.random.default_rng(0)
    at = np.stack([rng.integers(0, n, 40) for n in pdf.shape], axis=1)
    u = np.stack(
        [pdf.coords[x].values[at[:, i]] / cell[i] for i, x in enumerate("uvw")], axis=1
    )
    np.testing.assert_allclose(
        pdf.values[tuple(at.T)], direct(array, cell, u), atol=1e-12 * np.abs(pdf.values).max()
    )
    assert pdf.unit == array.unit / sc.Unit("angstrom^3")


@pytest.mark.parametrize("padding", [1.0, 1.7])
def test_parseval(padding: float) -> None:
    array = world(lambda hkl, s: np.cos(hkl @ [2.0, -1.0, 0.4]))
    cell = CELL["P 1"]
    pdf = delta_pdf(array, cell, D_MIN, PdfOptions(window="none", padding=padding))
    voxel = 1 / (volume(cell) * 12)
    box = np.prod([array.coords[f"n_{x}"].value for x in "hkl"]) * volume(cell)
    there = ~array.masks["absent"].values
    assert np.sum(pdf.values**2) * box / pdf.size == pytest.approx(
        np.sum(array.values[there] ** 2) * voxel, rel=1e-10
    )


@pytest.mark.parametrize("name", ["P 1", "P 21 21 21"])
def test_sigma_is_the_scatter_of_noise(name: str) -> None:
    rng = np.random.default_rng(1)
    pdf = []
    for _ in range(12):
        table = sphere(name, Grid((2, 2, 2)), lambda hkl, s: 0 * s, sigma=0.7)
        table.values = rng.normal(size=len(table)) * np.sqrt(table.variances)
        dense = expand(table, space_group(name), metric_of(CELL[name]), D_MIN)
        pdf.append(delta_pdf(dense, CELL[name], D_MIN))
    sigma = pdf[0].coords["sigma"].value
    values = np.stack([p.values for p in pdf])
    assert np.sqrt(np.mean(values**2)) == pytest.approx(sigma, rel=0.03)
    # at the origin all equivalents err as one
    middle = values[(slice(None), *[n // 2 for n in pdf[0].shape])]
    order = 2 if name == "P 1" else 8
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(sigma * np.sqrt(order), rel=0.5)


def test_mates_that_err_apart_add_half_the_variance() -> None:
    array = waves((0.2, 0.1, 0.0))
    one, two = (delta_pdf(array, CELL["P 1"], D_MIN, friedel=f).coords["sigma"] for f in (1, 0))
    assert one.value == pytest.approx(two.value * np.sqrt(2))


def test_coverage_is_the_share_of_what_is_seen() -> None:
    array = waves((0.2, 0.1, 0.0))
    assert delta_pdf(array, CELL["P 1"], D_MIN).coords["coverage"].value == pytest.approx(1.0)
    half = array.copy()
    middle = half.coords["k"].values
    half.masks["lost"] = sc.array(dims=["k"], values=middle < -1e-9)
    pdf = delta_pdf(half, CELL["P 1"], D_MIN)
    assert pdf.coords["coverage"].value == pytest.approx(0.5, abs=0.06)
    assert pdf.values.max() == pytest.approx(
        delta_pdf(array, CELL["P 1"], D_MIN).values.max() * pdf.coords["coverage"].value,
        rel=0.15,
    )


def test_small_gaps_are_filled_from_around() -> None:
    array = world(lambda hkl, s: np.cos(2 * np.pi * hkl @ [0.08, 0.05, 0.04]), n=(3, 3, 3))
    whole = delta_pdf(array, CELL["P 1"], D_MIN)
    holes = array.copy()
    index = np.stack(np.meshgrid(*[np.arange(n) for n in array.shape], indexing="ij"), axis=-1)
    centre = [n // 2 for n in array.shape]
    holes.masks["nodes"] = sc.array(
        dims=list("hkl"), values=np.all((index - centre) % 3 == 0, axis=-1)
    )
    error = {
        how: np.abs(
            delta_pdf(holes, CELL["P 1"], D_MIN, PdfOptions(absent=how)).values - whole.values
        ).max()
        for how in ("zero", "fill")
    }
    assert error["fill"] < 0.2 * error["zero"]


@pytest.mark.parametrize("kind", ["none", "hann", "lorch", "gauss"])
def test_windows(kind: str) -> None:
    s = np.linspace(0, 0.6, 601)
    w = window(s, 0.5, kind)  # type: ignore[arg-type]
    assert w[0] == 1.0
    assert np.all(np.diff(w) <= 1e-12)
    assert np.all(w[s > 0.5001] == 0.0)
    edge = {"none": 1.0, "hann": 0.0, "lorch": 0.0, "gauss": 0.01}
    assert w[500] == pytest.approx(edge[kind], abs=1e-12)


def test_a_window_takes_away_ripples() -> None:
    array = waves((0.0, 0.0, 0.0))
    ripple = {
        kind: delta_pdf(array, CELL["P 1"], D_MIN, PdfOptions(window=kind)).values.min()
        / delta_pdf(array, CELL["P 1"], D_MIN, PdfOptions(window=kind)).values.max()
        for kind in ("none", "hann")
    }
    assert ripple["none"] < -0.08
    assert ripple["hann"] > 0.25 * ripple["none"]


def test_the_range_is_that_of_the_options() -> None:
    array = world(lambda hkl, s: 1 + 0 * s)
    options = PdfOptions(window="none", d_min=2.5, d_max=5.0)
    pdf = delta_pdf(array, CELL["P 1"], D_MIN, options)
    middle = tuple(n // 2 for n in pdf.shape)
    shell = 4 / 3 * np.pi * (1 / 2.5**3 - 1 / 5.0**3)
    assert pdf.values[middle] == pytest.approx(shell, rel=0.03)


def test_the_reach_cuts_what_the_whole_has() -> None:
    array = waves((0.3, 0.4, -0.2))
    whole = delta_pdf(array, CELL["P 1"], D_MIN)
    part = delta_pdf(array, CELL["P 1"], D_MIN, PdfOptions(reach=6.0))
    for x in "uvw":
        assert np.abs(part.coords[x].values).max() <= 6.0
        kept = np.abs(whole.coords[x].values) <= 6.0
        whole = whole[sc.array(dims=[x], values=kept)]
    assert sc.identical(part, whole)


def test_memory_is_told_before() -> None:
    assert pdf_shape((9, 10, 12), 1.0) == (9, 11, 15)
    assert pdf_shape((9, 10, 13), 2.0) == (21, 21, 27)
    assert pdf_bytes((9, 10, 12), 1.0) == 24 * 9 * 11 * 15 + 8 * 1080


def test_wrong_input_is_said() -> None:
    array = waves((0.2, 0.1, 0.0))
    pdf = delta_pdf(array, CELL["P 1"], D_MIN)
    with pytest.raises(UserError, match=r"dims \('u', 'v', 'w'\)"):
        delta_pdf(pdf, CELL["P 1"], D_MIN)
    with pytest.raises(UserError, match="range of d_min"):
        delta_pdf(array, CELL["P 1"], D_MIN, PdfOptions(d_min=500.0, d_max=600.0))
