from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from diffuse.merging.simulated_observations import simulate
from ewaldite.diffuse.observations import Observations, grid_of, index_of
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid


def table(
    seed: int = 0, n: tuple[int, int, int] = (1, 1, 1), mode: str = "node"
) -> Observations:
    rng = np.random.default_rng(seed)
    made = simulate(rng, 3.0, voxels=20, multiplicity=2, background=1.0, tau=0.5)
    made = replace(made, grid=Grid(n, mode), sweep=np.arange(40, dtype=np.int32))  # type: ignore[arg-type]
    return made.with_mask("bragg", rng.random(40) < 0.2)


def same(a: Observations, b: Observations) -> bool:
    plain = [f.name for f in fields(a) if f.name not in ("grid", "masks")]
    return (
        a.grid == b.grid
        and all(np.array_equal(getattr(a, f), getattr(b, f)) for f in plain)
        and all(getattr(a, f).dtype == getattr(b, f).dtype for f in plain)
        and a.masks.keys() == b.masks.keys()
        and all(np.array_equal(a.masks[k], b.masks[k]) for k in a.masks)
    )


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 1000),
    st.tuples(*[st.integers(1, 5)] * 3),
    st.sampled_from(["node", "split"]),
)
def test_scipp_and_back(seed: int, n: tuple[int, int, int], mode: str) -> None:
    original = table(seed, n, mode)
    assert same(Observations.from_scipp(original.to_scipp()), original)


def test_scipp_table_has_the_promised_form() -> None:
    original = table()
    array = original.to_scipp()
    assert array.dims == ("voxel",)
    assert array.unit == sc.Unit("counts/mrad**2/s")
    expected = (original.counts - original.background) / original.exposure
    np.testing.assert_allclose(array.values, expected)
    sigma2 = (original.counts + original.background_variance) / original.exposure**2
    np.testing.assert_allclose(array.variances, sigma2)
    assert all(array.coords[x].dtype == "float64" for x in "hkl")
    assert (array.coords["counts"] / array.coords["exposure"]).unit == array.unit
    assert grid_of(array) == original.grid
    assert np.array_equal(index_of(array), original.index)


def test_concat_and_select_are_inverse() -> None:
    original = table()
    parts = [original.select(slice(0, 13)), original.select(np.arange(13, 40))]
    assert same(Observations.concat(parts), original)
    rows = original.counts > 2
    assert len(original.select(rows)) == rows.sum()
    assert np.array_equal(original.select(rows).s, original.s[rows])


def test_a_mask_that_a_table_lacks_excludes_none_of_its_rows() -> None:
    first, second = table(1), replace(table(2), masks={})
    joined = Observations.concat([first, second])
    assert joined.masks["bragg"][:40].tolist() == first.masks["bragg"].tolist()
    assert not joined.masks["bragg"][40:].any()


def test_tables_on_different_grids_are_refused() -> None:
    with pytest.raises(UserError, match="different grids"):
        Observations.concat([table(), table(n=(2, 1, 1))])
    with pytest.raises(UserError, match="there is none"):
        Observations.concat([])


def test_a_table_without_a_column_is_refused() -> None:
    array = table().to_scipp().drop_coords(["exposure", "sx"])
    with pytest.raises(UserError, match="exposure, sx"):
        Observations.from_scipp(array)


def test_rows_without_exposure_or_under_a_mask_are_not_usable() -> None:
    exposure = np.ones(40)
    exposure[[3, 5]] = 0.0
    exposure[7] = np.inf
    changed = replace(table(), exposure=exposure)
    expected = ~changed.masks["bragg"]
    expected[[3, 5, 7]] = False
    assert np.array_equal(changed.usable, expected)
    assert np.isnan(changed.intensity[[3, 5]]).all()
    joined = changed.with_mask("bragg", np.arange(40) == 9)
    assert joined.masks["bragg"].sum() == (changed.masks["bragg"] | (np.arange(40) == 9)).sum()
