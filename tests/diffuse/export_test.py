from __future__ import annotations

import numpy as np
import pytest

from diffuse.setups import numbers, oracle, panels
from ewaldite.diffuse.export import observations_of, panel_of
from ewaldite.model.grid import Grid
from ewaldite.model.sums import Sums

COARSE = Grid((1, 1, 1))


def wedge_columns(part: str, volume: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Sums that give the means of the oracle's table; rows without pixels are left empty."""
    given = oracle("export")["inputs"]
    corr = {name: np.nan_to_num(numbers(v)) for name, v in given[f"corr{part}"].items()}
    seen = {name: np.nan_to_num(numbers(v)) for name, v in given[f"bin{part}"].items()}
    pixels = seen["pixels"]
    total = corr["solidAngle"] * corr["polarization"] * corr["efficiency"] * corr["attenuation"]
    # background counts expected in the observation: of the means, per pixel and time
    scale = pixels * corr["dt"] / corr["bkgDt"]
    columns = {
        "counts": seen["counts"],
        "pixels": pixels,
        "exposure": pixels * total * corr["dt"],
        "background": corr["bkg"] * scale,
        "background_variance": (corr["bkgErr"] * scale) ** 2,
        "swept": corr["d3s"] * pixels,
        "iz": seen["iz"] * pixels,
        "rejected": np.zeros(7),
        "volume": np.broadcast_to(numbers(np.ravel(volume).tolist()), (7,)) * given["Vc"],
    }
    columns |= {name: corr[name] * pixels for name in ("sx", "sy", "sz", "ix", "iy")}
    return np.array(given["ref_hkl"]), columns


@pytest.mark.parametrize("case", [0, 1, 2])
def test_oracle(case: int) -> None:
    expected = oracle("export")["export_cases"][case]
    index, columns = wedge_columns("", expected["gridVolume"])
    table = observations_of(
        Sums.grouped(index, columns), COARSE, cell_volume=oracle("export")["inputs"]["Vc"],
        panels=panels(), wedge=4, sweep=1, minimum_pixels=expected["minimumPixels"],
    )  # fmt: skip
    rows = expected["diffuse_all_rows"]
    hkl = np.stack([rows[x] for x in "hkl"], axis=1)
    at = [int(np.flatnonzero((hkl == i).all(axis=1))[0]) for i in table.index]
    pixels = numbers(oracle("export")["inputs"]["bin"]["pixels"])
    # minimumCounts of mdx-lib selects by the counts themselves, which is a bias
    wanted = np.flatnonzero(pixels >= expected["minimumPixels"])
    assert sorted(at) == wanted[pixels[wanted] > 0].tolist()
    values = {name: numbers(column)[at] for name, column in rows.items()}
    mine = {
        "intensity": table.intensity + table.background / table.exposure,
        "sigma": np.sqrt(table.counts) / table.exposure,
        "bkgIntensity": table.background / table.exposure,
        "bkgSigma": np.sqrt(table.background_variance) / table.exposure,
        "fraction": table.fraction,
        "ix": table.ix,
        "iy": table.iy,
        "iz": table.iz,
        "sx": table.s[:, 0],
        "sy": table.s[:, 1],
        "sz": table.s[:, 2],
    }
    for name, found in mine.items():
        np.testing.assert_allclose(found, values[name], rtol=1e-9, atol=1e-18, err_msg=name)
    combined = np.sqrt(values["sigma"] ** 2 + values["bkgSigma"] ** 2)
    np.testing.assert_allclose(np.sqrt(table.variance), combined, rtol=1e-9)
    assert set(table.wedge) == {4}
    assert set(table.sweep) == {1}


def test_rows_without_exposure_or_volume() -> None:
    index, columns = wedge_columns("", np.ones(7))
    columns["exposure"][0] = 0.0
    columns["volume"][1] = 0.0
    table = observations_of(
        Sums.grouped(index, columns), COARSE, cell_volume=1.0, panels=panels(), wedge=0, sweep=0
    )
    found = {tuple(i) for i in table.index.tolist()}
    assert len(found) == 5
    assert tuple(index[0]) not in found
    masked = (table.index == index[1]).all(axis=1)
    assert np.isnan(table.fraction[masked]).tolist() == [True]
    assert np.isfinite(table.fraction[~masked]).all()


@pytest.mark.parametrize(
    ("minimum", "kept"), [(1, [1, 2, 3, 4, 5, 6]), (2, [3, 4, 5, 6]), (3, [5, 6])]
)
def test_parts_of_pixels_count_as_pixels(minimum: int, kept: list[int]) -> None:
    index, columns = wedge_columns("", np.ones(7))
    # thirds as oversampling makes them: it takes two pixels to see four; sums are rounded
    columns["pixels"] = np.array([0.0, 1 / 3, 1 + 1e-12, 4 / 3, 2 - 1e-12, 7 / 3, 3.0])
    columns["exposure"] = np.where(columns["pixels"] > 0, 1.0, 0.0)
    table = observations_of(
        Sums.grouped(index, columns), COARSE, cell_volume=1.0, panels=panels(), wedge=0,
        sweep=0, minimum_pixels=minimum,
    )  # fmt: skip
    assert {tuple(i) for i in table.index} == {tuple(index[i]) for i in kept}


def test_panels_of_places() -> None:
    slow, fast = np.mgrid[:30, :40].astype(float)
    panel = panel_of(panels(), fast, slow)
    assert np.all(panel[:, :19] == 0)
    assert np.all(panel[2:, 21:] == 1)
    # a mean over both panels is on the nearer one
    between = panel_of(panels(), np.array([18.9, 19.4, 19.6, 20.9]), np.full(4, 15.0))
    assert between.tolist() == [0, 0, 1, 1]
    assert panel_of(panels(), np.array([35.0, 10.0]), np.array([-3.0, 60.0])).tolist() == [1, 0]
