from __future__ import annotations

import numpy as np
import pytest
import scipp as sc

from diffuse.absolute.mdx import CELL, ORACLE, merged, small_molecule, table_of, tables
from ewaldite.crystal.asu import AsuMap
from ewaldite.crystal.contents import CellContents
from ewaldite.crystal.symmetry import SpaceGroup, space_group
from ewaldite.diffuse.absolute.apply import ABSOLUTE_UNIT, to_absolute
from ewaldite.diffuse.absolute.cutoff import seen_to
from ewaldite.diffuse.absolute.options import AbsoluteOptions
from ewaldite.diffuse.absolute.scale import SCALE_UNIT, AbsoluteScale, absolute_scale
from ewaldite.diffuse.absolute.scattering import AtomScattering
from ewaldite.diffuse.absolute.totals import lengths
from ewaldite.errors import UserError
from ewaldite.model.grid import Grid

P1 = space_group("P 1")
CELLS = Grid((1, 1, 1))
CASE = ORACLE["rescale"]["cases"][0]
CONTENTS = small_molecule("nitrate").times(2) + small_molecule("water").times(5)
OPTIONS = AbsoluteOptions(s_cutoff=0.45, s_max=0.55, shells=11, bonds=2)


def mdx_scale(options: AbsoluteOptions = OPTIONS) -> AbsoluteScale:
    diffuse, bragg = (merged(ORACLE["rescale"][x]) for x in ("hklMerge", "hklMergeBragg"))
    return absolute_scale(diffuse, bragg, CONTENTS, CELL, P1, 1.0, options, tables=tables())


def test_scale_of_mdx_lib() -> None:
    scale = mdx_scale()
    assert scale.scattering.contents.n_electrons == CASE["nElectrons"]
    assert scale.k.value == pytest.approx(CASE["scaleFactor"], rel=1e-12)
    assert scale.k.unit == SCALE_UNIT == sc.Unit("mrad**2*s/counts")
    curve = scale.curves["scale_free"].values[CASE["ind_1based"] - 1]
    assert curve == pytest.approx(CASE["scaleFactor0"], rel=1e-12)
    assert scale.notes == ()
    without = mdx_scale(OPTIONS.model_copy(update={"bonds": 0}))
    assert without.k.value == pytest.approx(CASE["scaleFactor0"], rel=1e-12)
    assert "Bonded interference is left out" in without.notes[0]


def test_shells_of_mdx_lib() -> None:
    shells, theirs = mdx_scale().shells, CASE["shells"]
    np.testing.assert_allclose(shells["bragg"].values, theirs["IBraggAv"], rtol=1e-12)
    np.testing.assert_allclose(shells["diffuse"].values, theirs["IDiffuseAv"], rtol=1e-12)
    np.testing.assert_allclose(shells["coherent"].values, theirs["Icoh"], rtol=1e-12)
    np.testing.assert_allclose(shells["incoherent"].values, theirs["Iincoh"], rtol=1e-12)
    np.testing.assert_allclose(shells["bonded"].values, theirs["Ibond"], rtol=1e-9)
    np.testing.assert_array_equal(shells["voxels"].values, theirs["nObs"])


def test_absolute_table_of_mdx_lib() -> None:
    theirs = ORACLE["rescale"]["absolute_table"]
    found = to_absolute(merged(ORACLE["rescale"]["hklMerge"]), mdx_scale(), CELL)
    np.testing.assert_allclose(found.values, theirs["I"], rtol=1e-8, atol=2e-7)
    np.testing.assert_allclose(np.sqrt(found.variances), theirs["sigma"], rtol=1e-12)
    # mdx-lib interpolates in a table of a hundred points
    exact = mdx_scale().scattering.incoherent(np.array(theirs["s"]))
    np.testing.assert_allclose(exact, theirs["Iincoh"], rtol=2e-8)
    bragg = merged(ORACLE["rescale"]["hklMergeBragg"])
    there = to_absolute(bragg, mdx_scale(), CELL, subtract_incoherent=False)
    known = [x for x in zip(theirs["IBragg"], theirs["sigmaBragg"], strict=True) if x[0]]
    np.testing.assert_allclose(there.values, [x[0] for x in known], rtol=1e-12)
    np.testing.assert_allclose(np.sqrt(there.variances), [x[1] for x in known], rtol=1e-12)


def test_update_of_the_scaling_model_of_mdx_lib() -> None:
    # b/k and c + I_incoh b/k, with the incoherent function that the scale hands on
    theirs = ORACLE["scaling_model_update"]
    n_s, n_z = theirs["szc"]
    nodes = np.linspace(*theirs["sLim"], n_s)
    k = theirs["scaleFactor"]
    incoherent = mdx_scale().scattering.incoherent(nodes)
    b = np.array(theirs["b"])
    c = np.reshape(theirs["c_column_major"], (n_z, n_s)).T
    np.testing.assert_allclose(b / k, theirs["b_new"], rtol=1e-12)
    updated = c + incoherent[:, None] * (b / k)
    # mdx-lib interpolates in a table of a hundred points
    np.testing.assert_allclose(updated.T.ravel(), theirs["c_new"], rtol=2e-8)


def test_an_empty_shell_does_not_spoil_the_scale() -> None:
    # mdx-lib gives NaN here
    fine = ORACLE["rescale"]["cases"][1]
    assert fine["scaleFactor"] is None
    assert fine["n_empty_shells"] > 100
    scale = mdx_scale(OPTIONS.model_copy(update={"shells": 300}))
    assert scale.k.value == pytest.approx(CASE["scaleFactor"], rel=0.05)
    assert "shells below the cut-off hold no voxel" in scale.notes[0]
    assert scale.shells["interpolated"].values.sum() == fine["n_empty_shells"]


def world(
    group: SpaceGroup, cell: np.ndarray, s_max: float, grid: Grid = CELLS
) -> tuple[np.ndarray, np.ndarray]:
    """Voxels of the asymmetric unit to s_max, origin included, and their |s|."""
    n = np.ceil(np.array(grid.n) * (cell[:3] * s_max + 1)).astype(int)
    axes = [np.arange(-m, m + 1) for m in n]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    index = np.unique(AsuMap(grid, group)(index)[0], axis=0)
    s = lengths(grid, index, cell)
    return index[s < s_max], s[s < s_max]


def flat_atoms() -> dict[str, AtomScattering]:
    """Atoms of 8 electrons whose scattering is easily summed."""
    f0 = lambda s: 8 * np.exp(-2.0 * np.square(s))  # noqa: E731
    incoherent = lambda s: 8 * (1 - np.exp(-2.0 * np.square(s)))  # noqa: E731
    return {"O": AtomScattering(f0, incoherent)}


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("P 1", [24.0, 26.0, 28.0, 82.0, 97.0, 101.0]),
        ("P 43 21 2", [40.0, 40.0, 25.0, 90.0, 90.0, 90.0]),
        ("C 1 2 1", [50.0, 30.0, 22.0, 90.0, 104.0, 90.0]),
    ],
)
def test_scale_is_that_of_noise_free_totals_within_one_percent(
    name: str, cell: list[float]
) -> None:
    group, axes = space_group(name), np.array(cell)
    contents = CellContents({"O": 700.0})
    rng = np.random.default_rng(3)
    index, s = world(group, axes, 0.72)
    k_true = 250.0
    total = 700 * (64 * np.exp(-4 * s**2) + 8 * (1 - np.exp(-2 * s**2))) / k_true
    strength = total * rng.exponential(size=len(s)) * np.exp(-3 * s**2)
    diffuse = 0.2 * total + total * (1 - np.exp(-3 * s**2))
    options = AbsoluteOptions(bonds=0)

    def k_of(noise: float) -> AbsoluteScale:
        tables_ = []
        for value in (diffuse, strength):
            sigma = noise * (value + 0.1 * value.mean())
            noisy = value + sigma * rng.normal(size=len(s))
            tables_.append(table_of(index, noisy, sigma**2 + 1e-12))
        return absolute_scale(
            *tables_, contents, axes, group, 1.0, options, tables=flat_atoms()
        )

    clean, noisy = k_of(0.0), k_of(0.3)
    assert noisy.k.value == pytest.approx(clean.k.value, rel=0.01)
    error = float(noisy.sigma_counting.value)
    assert 0 < error < 0.01 * noisy.k.value
    assert abs(noisy.k.value - clean.k.value) < 4 * error
    assert float(noisy.sigma_k.value) == pytest.approx(
        np.hypot(error, float(noisy.sigma_cutoff.value))
    )


def test_scale_of_a_sum_that_is_known_exactly() -> None:
    # constant intensity: the observed sum is it times the volume of the ball; the other side is
    # integrated apart
    cell = np.array([30.0, 31.0, 32.0, 90.0, 95.0, 90.0])
    group = space_group("P 1 21 1")
    contents = CellContents({"O": 400.0})
    index, s = world(group, cell, 0.71)
    options = AbsoluteOptions(bonds=0, s_cutoff=0.6)
    flat = table_of(index, np.full(len(s), 2.0), np.ones(len(s)))
    bragg = table_of(index, np.full(len(s), 1.0), np.ones(len(s)))
    scale = absolute_scale(
        flat, bragg, contents, cell, group, 1.0, options, tables=flat_atoms()
    )
    cutoff = scale.cutoff
    volume = 30.0 * 31.0 * 32.0 * np.sin(np.deg2rad(95.0))
    ball = 4 / 3 * np.pi * cutoff**3
    r = np.linspace(0, cutoff, 4001)
    integrand = 400 * (64 * np.exp(-4 * r**2) + 8 * (1 - np.exp(-2 * r**2))) * 4 * np.pi * r**2
    theory = volume * np.trapezoid(integrand, r) - 3200.0**2
    assert scale.k.value == pytest.approx(theory / (volume * 3.0 * ball), rel=1e-3)


def test_reflections_beyond_the_edge_of_the_data_are_not_taken_for_absent() -> None:
    # pixels to 0.6 1/Å see parts of voxels whose centres, with their spots, lie beyond
    cell, group = np.array([20.0, 22.0, 24.0, 90.0, 90.0, 90.0]), space_group("P 21 21 21")
    contents = CellContents({"O": 300.0})
    whole, s = world(group, cell, 0.66)
    fine, _ = world(group, cell, 0.6, Grid((3, 3, 3)))
    seen = np.unique(AsuMap(CELLS, group)(Grid((3, 3, 3)).cell(fine))[0], axis=0)
    diffuse = table_of(seen, np.full(len(seen), 1.0), np.ones(len(seen)))
    spots = whole[s < 0.6]
    bragg = table_of(spots, np.full(len(spots), 3.0), np.ones(len(spots)))
    options = AbsoluteOptions(bonds=0)

    def scale(s_limit: float | None) -> AbsoluteScale:
        return absolute_scale(
            diffuse,
            bragg,
            contents,
            cell,
            group,
            1.0,
            options,
            tables=flat_atoms(),
            s_limit=s_limit,
        )

    cut = scale(seen_to(CELLS, seen, cell))
    assert 0.57 < cut.cutoff <= 0.6
    mean = cut.shells["bragg"].values + cut.shells["diffuse"].values
    assert np.allclose(mean[np.isfinite(mean)], 4.0)
    blind = scale(None)
    assert blind.cutoff > 0.61
    # what was not seen was counted as zero there, so that the scale is too high
    assert blind.shells["bragg"].values[-1] == 0.0


def test_grid_does_not_matter() -> None:
    cell, group = np.array([20.0, 22.0, 24.0, 90.0, 90.0, 90.0]), space_group("P 21 21 21")
    contents = CellContents({"O": 300.0})
    found = []
    for n in (1, 2):
        grid = Grid((n, n, n))
        index, s = world(group, cell, 0.52, grid)
        hkl, s_hkl = world(group, cell, 0.52)
        diffuse = table_of(index, np.exp(-(s**2)), np.ones(len(s)), grid)
        bragg = table_of(hkl, 3 * np.exp(-(s_hkl**2)), np.ones(len(hkl)))
        options = AbsoluteOptions(bonds=0, shells=40, s_cutoff=0.5)
        found.append(
            absolute_scale(
                diffuse, bragg, contents, cell, group, 1.0, options, tables=flat_atoms()
            ).k.value
        )
    assert found[1] == pytest.approx(found[0], rel=0.01)


CELL30 = np.array([30.0, 30.0, 30.0, 90.0, 90.0, 90.0])


def k_with(diffuse: sc.DataArray, bragg: sc.DataArray, **options: object) -> AbsoluteScale:
    chosen = AbsoluteOptions.model_validate({"bonds": 0, **options})
    return absolute_scale(
        diffuse, bragg, CellContents({"O": 500.0}), CELL30, P1, 1.0, chosen, tables=flat_atoms()
    )


def test_diffuse_under_the_spots_is_not_counted_twice() -> None:
    index, s = world(P1, CELL30, 0.72)
    diffuse = table_of(index, np.full(len(s), 2.0), np.ones(len(s)))
    net = np.full(len(s), 5.0)
    apart = table_of(index, net, np.ones(len(s)))
    # the spot takes up 0.2 of the cell: its integral holds 0.2 of the diffuse mean as well
    whole = table_of(index, net + 0.4, np.ones(len(s)))
    under = whole.assign_coords(
        diffuse=sc.array(dims=["voxel"], values=np.full(len(s), 0.4), unit=whole.unit)
    )
    k = k_with(diffuse, apart).k.value
    assert k_with(diffuse, under).k.value == pytest.approx(k, rel=1e-12)
    assert k_with(diffuse, whole).k.value == pytest.approx(k * 7 / 7.4, rel=1e-3)


def test_unknown_reflections_are_not_zero_but_silent_ones_are() -> None:
    index, s = world(P1, CELL30, 0.72)
    diffuse = table_of(index, np.full(len(s), 2.0), np.ones(len(s)))
    all_there = table_of(index, np.full(len(s), 5.0), np.ones(len(s)))
    third = np.arange(len(s)) % 3 == 0
    masked = all_there.copy()
    masked.masks["overloaded"] = sc.array(dims=["voxel"], values=third)
    masked.values[third] = 1e6
    silent = all_there[sc.array(dims=["voxel"], values=~third)]
    k = k_with(diffuse, all_there).k.value
    spoilt = k_with(diffuse, masked)
    assert spoilt.k.value == pytest.approx(k, rel=1e-9)
    assert "reflections below the cut-off are not known" in spoilt.notes[0]
    assert k_with(diffuse, silent).k.value > 1.2 * k


def test_the_origin_has_no_say() -> None:
    index, s = world(P1, CELL30, 0.72)
    values = np.full(len(s), 2.0)
    plain = k_with(*(table_of(index, values, np.ones(len(s))) for _ in range(2))).k.value
    values = np.where(s == 0, 1e9, values)
    spoilt = k_with(*(table_of(index, values, np.ones(len(s))) for _ in range(2))).k.value
    assert spoilt == plain


def test_friedel_mates_apart_weigh_as_one() -> None:
    index, s = world(P1, CELL30, 0.72)
    value = 1.0 + np.exp(-5 * s)
    together = table_of(index, value, np.ones(len(s)))
    both = np.concatenate([index, -index[s > 0]])
    # an uneven set: some mates were seen, some were not
    some = np.arange(len(both)) % 5 != 4
    mates = np.concatenate([value, value[s > 0]])
    apart = table_of(both[some], mates[some], np.ones(np.count_nonzero(some)))
    k = k_with(together, together).k.value
    assert k_with(apart, together).k.value == pytest.approx(k, rel=2e-3)


def test_errors_common_to_reflections_do_not_average_out() -> None:
    index, s = world(P1, CELL30, 0.72)
    tiny = np.full(len(s), 1e-12)
    diffuse = table_of(index, np.full(len(s), 1.0), tiny)
    bragg = table_of(index, np.full(len(s), 3.0), tiny)
    shared = bragg.assign_coords(
        common=sc.array(dims=["voxel"], values=np.full(len(s), 0.06), unit=bragg.unit)
    )
    scale = k_with(diffuse, shared)
    # 2 % of three quarters of the sum
    assert scale.sigma_counting.value == pytest.approx(0.015 * scale.k.value, rel=1e-3)


def test_data_that_end_before_the_cutoff() -> None:
    index, s = world(P1, CELL30, 0.55)
    table = table_of(index, np.full(len(s), 2.0), np.ones(len(s)))
    scale = k_with(table, table)
    assert scale.cutoff == pytest.approx(s.max(), rel=1e-6)
    assert "The data end at 0.55 1/Å" in scale.notes[0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"s_cutoff": 1e-4}, "lies in the first shell"),
        ({"s_cutoff": 0.1}, "the sums are"),
    ],
)
def test_cutoffs_that_give_no_scale(options: dict[str, object], words: str) -> None:
    index, s = world(P1, CELL30, 0.72)
    table = table_of(index, np.full(len(s), 2.0), np.ones(len(s)))
    with pytest.raises(UserError, match=words):
        k_with(table, table, **options)


def test_empty_tables_are_refused() -> None:
    index, s = world(P1, CELL30, 0.5)
    table = table_of(index, np.full(len(s), 2.0), np.ones(len(s)))
    with pytest.raises(UserError, match="diffuse table has no rows"):
        k_with(table[:0], table)
    without = sc.DataArray(sc.values(table.data), coords=dict(table.coords))
    with pytest.raises(UserError, match="Bragg table has no variances"):
        k_with(table, without)


def test_every_intensity_of_a_table_is_scaled_alike() -> None:
    scale = mdx_scale()
    table = merged(ORACLE["rescale"]["hklMerge"])
    for name, shift in (("lower", -0.1), ("upper", 0.2), ("random_a", 0.0)):
        table.coords[name] = sc.values(table.data) + sc.scalar(shift, unit=table.unit)
    table.coords["counts"] = sc.array(dims=["voxel"], values=np.ones(len(table)), unit="counts")
    found = to_absolute(table, scale, CELL)
    k = scale.k.value
    np.testing.assert_allclose(found.coords["random_a"].values, found.values, rtol=1e-12)
    for name, shift in (("lower", -0.1), ("upper", 0.2)):
        np.testing.assert_allclose(
            found.coords[name].values - found.values, shift * k, rtol=1e-6
        )
    assert found.coords["counts"].unit == "counts"
    assert found.unit == "one"
    assert found.coords["intensity_unit"].value == ABSOLUTE_UNIT == "electrons² per unit cell"
    assert found.coords["sigma_k"].value == pytest.approx(np.sqrt(scale.k.variance))
    with pytest.raises(UserError, match="intensity is in dimensionless"):
        to_absolute(found, scale, CELL)


def test_scale_goes_to_a_file_and_back(tmp_path) -> None:  # type: ignore[no-untyped-def]
    from ewaldite.io.nexus import load, save

    group = mdx_scale().to_scipp()
    save(tmp_path / "absolute.nxs", group)
    back = load(tmp_path / "absolute.nxs")
    assert sc.identical(back["scale"], group["scale"])
    assert sc.identical(back["curves"]["scale"], group["curves"]["scale"])
    assert back["n_electrons"].value == 114
    assert back["contents"] == "H 10 N 2 O 11; charge -2; 114 electrons"
