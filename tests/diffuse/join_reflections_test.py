"""Reflections that the border of two wedges cut."""

from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from ewaldite.diffuse.bragg import join_reflections


def table(rows: list[dict[str, float]]) -> sc.DataArray:
    """Bragg table with one reflection, or what the rows say."""
    base = {
        "h": 1.0, "k": -2.0, "l": 3.0, "pixels": 10.0, "fraction": 0.5, "counts": 50.0,
        "exposure": 2.0, "diffuse": 1.0, "ix": 5.0, "iy": 6.0, "iz": 7.0, "value": 9.0,
        "variance": 4.0, "sweep": 0, "wedge": 0, "silent": False,
    }  # fmt: skip
    full = [base | row for row in rows]

    def column(name: str, unit: str | None = "one", dtype: str = "float64") -> sc.Variable:
        return sc.array(
            dims=["voxel"], values=np.array([r[name] for r in full]), unit=unit, dtype=dtype
        )

    units = {"counts": "counts", "exposure": "mrad**2*s", "diffuse": "counts/mrad**2/s"}
    coords = {
        name: column(name, units.get(name, "one"))
        for name in base
        if name not in ("value", "variance", "sweep", "wedge", "silent")
    }
    coords |= {name: column(name, None, "int32") for name in ("sweep", "wedge")}
    fraction = coords["fraction"].values
    return sc.DataArray(
        sc.array(
            dims=["voxel"],
            values=np.array([r["value"] for r in full]),
            variances=np.array([r["variance"] for r in full]),
            unit="counts/mrad**2/s",
        ),
        coords=coords,
        masks={
            "partial": sc.array(
                dims=["voxel"], values=~((fraction > 0.95) & (fraction < 1.05))
            ),
            "no count": sc.array(dims=["voxel"], values=np.array([r["silent"] for r in full])),
        },
        name="intensity",
    )


def test_two_parts_make_a_whole() -> None:
    parts = table(
        [
            {"wedge": 1, "iz": 20.0, "pixels": 30.0, "fraction": 0.4, "value": 5.0},
            {"wedge": 0, "iz": 19.0, "pixels": 10.0, "fraction": 0.6, "value": 7.0},
        ]
    )
    joined = join_reflections(parts, np.array([2.0, 1.9]), 0.5)
    assert joined.sizes == {"voxel": 1}
    assert joined.values.tolist() == [12.0]
    assert joined.variances.tolist() == [8.0]
    assert joined.coords["fraction"].values.tolist() == [1.0]
    assert joined.coords["iz"].values.tolist() == [19.75]
    assert joined.coords["wedge"].values.tolist() == [0]
    assert joined.coords["exposure"].unit == sc.Unit("mrad**2*s")
    assert not joined.masks["partial"].values.any()
    assert (joined.name, joined.unit) == ("intensity", parts.unit)


def test_what_lies_apart_stays_apart() -> None:
    parts = table([{}, {"sweep": 1}, {"k": -3.0}, {}])
    phi = np.array([0.0, 0.0, 0.0, 40.0])
    joined = join_reflections(parts, phi, 1.0)
    assert joined.sizes == parts.sizes
    assert joined.masks["partial"].values.all()
    assert joined.coords["sweep"].values.tolist() == [0, 0, 0, 1]


def test_no_span_joins_nothing() -> None:
    parts = table([{}, {}])
    assert sc.identical(join_reflections(parts, np.zeros(2), 0.0), parts)


@pytest.mark.parametrize("silent", [1, 2])
def test_silent_parts_mark_the_whole(silent: int) -> None:
    unknown = {"silent": True, "value": np.nan, "variance": np.nan, "pixels": np.nan}
    parts = table([unknown] * silent + [{"iz": 3.0}] * (2 - silent))
    joined = join_reflections(parts, np.full(2, np.nan), 1.0)
    assert joined.masks["no count"].values.tolist() == [True]
    if silent == 2:
        assert np.isnan(joined.values).all()
    else:
        assert joined.values.tolist() == [9.0]
        assert joined.coords["iz"].values.tolist() == [3.0]


def test_totals_are_kept() -> None:
    rng = np.random.default_rng(3)
    rows = [
        {"h": float(h), "value": v, "counts": c, "wedge": i % 4}
        for i, (h, v, c) in enumerate(
            zip(
                rng.integers(0, 9, 200), rng.normal(5, 2, 200), rng.poisson(9, 200), strict=True
            )
        )
    ]
    parts = table(rows)
    joined = join_reflections(parts, rng.uniform(0, 20, 200), 0.7)
    assert 9 < joined.sizes["voxel"] < 200
    assert joined.values.sum() == pytest.approx(parts.values.sum())
    assert joined.coords["counts"].values.sum() == parts.coords["counts"].values.sum()
