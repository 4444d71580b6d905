from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from diffuse.export_test import wedge_columns
from diffuse.setups import numbers, oracle
from ewaldite.diffuse.bragg import bragg_table
from ewaldite.model.sums import Sums


def without_background(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    empty = np.zeros(7)
    return columns | {"background": empty, "background_variance": empty}


def tables(
    keep_background: bool, **changes: np.ndarray
) -> tuple[sc.DataArray, dict[str, np.ndarray]]:
    expected = oracle("export")["export_cases"][0]
    index, columns = wedge_columns("Excl", expected["gridVolumeExcl"])
    _, others = wedge_columns("", expected["gridVolume"])
    if not keep_background:
        columns, others = without_background(columns), without_background(others)
    columns |= changes
    table = bragg_table(
        Sums.grouped(index, columns), Sums.grouped(index, others),
        cell_volume=oracle("export")["inputs"]["Vc"], wedge=2, sweep=3,
    )  # fmt: skip
    found = np.stack([table.coords[x].values for x in "hkl"], axis=1)
    at = [int(np.flatnonzero((index == i).all(axis=1))[0]) for i in found]
    rows = {name: numbers(v)[at] for name, v in expected["bragg_all_rows"].items()}
    return table, {name: column[at] for name, column in columns.items()} | rows


def test_oracle_without_background_images() -> None:
    table, rows = tables(False)
    assert len(rows["intensity"]) == 5
    np.testing.assert_allclose(table.values, rows["intensity"], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(table.variances), rows["sigma"], rtol=1e-9, atol=1e-18)
    np.testing.assert_allclose(table.coords["fraction"].values, rows["fraction"], rtol=1e-9)
    np.testing.assert_allclose(table.coords["iz"].values, rows["iz"], rtol=1e-9)
    # what mdx-lib calls background is the diffuse scattering of the cell under the spot
    diffuse = table.coords["diffuse"].values
    last = np.isnan(diffuse)
    assert last.sum() == 1
    assert np.isnan(rows["bkgIntensity"][last]).all()
    np.testing.assert_allclose(diffuse[~last], rows["bkgIntensity"][~last], rtol=1e-9)


def test_background_images_are_subtracted_before_scaling() -> None:
    table, rows = tables(True)
    swept = rows["swept"] * oracle("export")["inputs"]["Vc"]
    taken = rows["background"] / rows["exposure"] * swept
    assert taken.max() > 1e-6
    np.testing.assert_allclose(table.values + taken, rows["intensity"], rtol=1e-9)
    added = rows["background_variance"] * (swept / rows["exposure"]) ** 2
    np.testing.assert_allclose(
        table.variances, rows["sigma"] ** 2 + added, rtol=1e-9, atol=1e-18
    )


def test_intensity_is_the_mean_times_the_swept_volume() -> None:
    table, rows = tables(True)
    mean = (rows["counts"] - rows["background"]) / rows["exposure"]
    volume = oracle("export")["inputs"]["Vc"] * rows["swept"]
    np.testing.assert_allclose(table.values, mean * volume, rtol=1e-14)
    # the exposure of one pixel in one frame cancels against its swept volume: counts decide
    twice, _ = tables(
        True, pixels=2 * numbers(oracle("export")["inputs"]["binExcl"]["pixels"])
    )  # fmt: skip
    np.testing.assert_allclose(twice.values, table.values, rtol=1e-14)


@pytest.mark.parametrize(
    ("fraction", "partial"),
    [(0.94, True), (0.95, False), (1.0, False), (1.05, False), (1.06, True), (np.inf, True)],
)
def test_partial_reflections_are_flagged(fraction: float, partial: bool) -> None:
    _, columns = wedge_columns("Excl", np.zeros(7))
    volume = oracle("export")["inputs"]["Vc"]
    swept = columns["swept"] * volume
    # halfway between two limits nothing depends on rounding
    exact = fraction + (1e-9 if fraction == 0.95 else -1e-9)
    table, _ = tables(True, volume=swept / exact)
    assert np.all(table.masks["partial"].values == partial)


def test_reflections_with_overloaded_pixels_are_flagged() -> None:
    rejected = np.array([0.0, 3.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    table, rows = tables(True, rejected=rejected)
    np.testing.assert_array_equal(table.masks["no count"].values, rows["rejected"] > 0)
    assert table.masks["no count"].values.sum() == 2


def silent(
    columns: dict[str, np.ndarray], rows: list[int], rejected: float
) -> dict[str, np.ndarray]:
    """Columns in which nothing of some rows could be counted."""
    volume = columns["volume"]
    out = {name: column.astype(np.float64).copy() for name, column in columns.items()}
    for column in out.values():
        column[rows] = 0.0
    return out | {"volume": volume, "rejected": np.where(np.isin(range(7), rows), rejected, 0)}


@pytest.mark.filterwarnings("error")
def test_a_spot_of_which_nothing_could_be_counted_stays_without_an_intensity() -> None:
    expected = oracle("export")["export_cases"][0]
    index, columns = wedge_columns("Excl", expected["gridVolumeExcl"])
    _, others = wedge_columns("", expected["gridVolume"])
    volume = oracle("export")["inputs"]["Vc"]
    full = bragg_table(
        Sums.grouped(index, columns), Sums.grouped(index, others),
        cell_volume=volume, wedge=2, sweep=3,
    )  # fmt: skip
    rows = np.flatnonzero(columns["pixels"] > 0)[[1, 3]].tolist()
    table = bragg_table(
        Sums.grouped(index, silent(columns, rows, 12.0)), Sums.grouped(index, others),
        cell_volume=volume, wedge=2, sweep=3,
    )  # fmt: skip
    hkl = np.stack([table.coords[x].values for x in "hkl"], axis=1)
    before = np.stack([full.coords[x].values for x in "hkl"], axis=1)
    np.testing.assert_array_equal(hkl, before)
    gone = np.array([any((i == index[r]).all() for r in rows) for i in hkl])
    assert gone.sum() == 2
    for values in (table.values, table.variances, table.coords["pixels"].values,
                   table.coords["exposure"].values, table.coords["iz"].values):  # fmt: skip
        np.testing.assert_array_equal(np.isnan(values), gone)
    np.testing.assert_array_equal(table.masks["no count"].values, gone)
    assert table.masks["partial"].values[gone].all()
    np.testing.assert_array_equal(table.coords["counts"].values[gone], 0.0)
    # nothing happens to the others
    np.testing.assert_array_equal(table.values[~gone], full.values[~gone])
    np.testing.assert_array_equal(table.variances[~gone], full.variances[~gone])


def test_no_row_without_an_intensity_is_unmasked() -> None:
    _, columns = wedge_columns("Excl", np.ones(7))
    table, rows = tables(True, exposure=np.where(np.arange(7) == 1, 0.0, columns["exposure"]))
    assert not rows["rejected"].any()
    assert np.isnan(table.values).sum() == 1
    np.testing.assert_array_equal(table.masks["no count"].values, np.isnan(table.values))


def test_part_of_a_rejected_pixel_makes_a_spot_incomplete() -> None:
    # one of the three parts of an overloaded pixel, as oversampling makes them
    table, rows = tables(True, rejected=np.where(np.arange(7) == 1, 1 / 3, 0.0))
    assert (rows["rejected"] > 0).sum() == 1
    np.testing.assert_array_equal(table.masks["no count"].values, rows["rejected"] > 0)


@pytest.mark.filterwarnings("error")
def test_all_spots_silent_or_never_looked_at() -> None:
    index, columns = wedge_columns("Excl", np.ones(7))
    every = list(range(7))
    made = silent(columns, every, 1.0)
    table = bragg_table(
        Sums.grouped(index, made), Sums.grouped(index, made), cell_volume=1.0, wedge=0, sweep=0
    )
    assert table.sizes == {"voxel": 7}
    assert np.isnan(table.values).all()
    assert table.masks["no count"].values.all()
    # without a pair that was rejected there was no spot to look at
    made = silent(columns, every, 0.0)
    table = bragg_table(
        Sums.grouped(index, made), Sums.grouped(index, made), cell_volume=1.0, wedge=0, sweep=0
    )
    assert table.sizes == {"voxel": 0}


def test_units_and_numbers() -> None:
    table, rows = tables(True)
    assert table.unit == sc.Unit("counts/mrad**2/s")
    assert table.coords["diffuse"].unit == table.unit
    assert table.coords["exposure"].unit == sc.Unit("mrad**2*s")
    assert set(table.coords["wedge"].values) == {2}
    assert set(table.coords["sweep"].values) == {3}
    np.testing.assert_array_equal(table.coords["counts"].values, rows["counts"])
    np.testing.assert_allclose(
        table.coords["ix"].values, rows["ix"] / rows["pixels"], rtol=1e-14
    )


def test_no_reflections() -> None:
    index, columns = wedge_columns("Excl", np.ones(7))
    nothing = Sums.grouped(index, columns).select(np.zeros(7, bool))
    table = bragg_table(nothing, nothing, cell_volume=1.0, wedge=0, sweep=0)
    assert table.sizes == {"voxel": 0}
    some = Sums.grouped(index, columns)
    alone = bragg_table(some, nothing, cell_volume=1.0, wedge=0, sweep=0)
    assert np.isnan(alone.coords["diffuse"].values).all()
