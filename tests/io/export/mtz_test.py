"""An MTZ file read back by gemmi holds the merged table."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest
import scipp as sc

from diffuse.maps.worlds import CELL, metric_of, sphere
from ewaldite.crystal.symmetry import space_group
from ewaldite.diffuse.observations import index_of
from ewaldite.errors import UserError
from ewaldite.io.export import write_mtz
from ewaldite.io.export.mtz import index_factors
from ewaldite.model.grid import Grid


def table(
    name: str = "P 21 21 21", grid: Grid | None = None, friedel: bool = True
) -> sc.DataArray:
    made = sphere(
        name,
        grid or Grid((3, 3, 3)),
        lambda hkl, s: np.exp(-3 * s) * 1000 + np.arange(len(s)),
        friedel=friedel,
    )
    count = np.arange(len(made))
    made.coords["fraction"] = sc.array(dims=["voxel"], values=count % 7 / 6)
    made.coords["multiplicity"] = sc.array(dims=["voxel"], values=count % 5 + 1, unit=None)
    return made


@pytest.mark.parametrize("name", ["P 1", "P 21 21 21", "I 2 3", "C 1 2 1", "R 3 2:H"])
@pytest.mark.parametrize(
    "grid", [Grid((1, 1, 1)), Grid((2, 2, 3)), Grid((2, 2, 2), "split")], ids=str
)
def test_reflections_come_back(tmp_path: Path, name: str, grid: Grid) -> None:
    if (name == "I 2 3" and grid.n[2] == 3) or (name == "R 3 2:H" and grid.mode == "split"):
        pytest.skip("the group does not leave this grid")
    merged = table(name, grid)
    write_mtz(tmp_path / "a.mtz", merged, CELL[name], space_group(name), title="test")
    mtz = gemmi.read_mtz_file(str(tmp_path / "a.mtz"))
    assert mtz.column_labels() == ["H", "K", "L", "I", "SIGI", "FRACTION", "MULT"]
    assert [c.type for c in mtz.columns] == list("HHHJQRI")
    assert mtz.nreflections == len(merged)
    factors = np.array(index_factors(grid))
    np.testing.assert_allclose(mtz.cell.parameters[:3], CELL[name][:3] * factors, rtol=1e-6)
    np.testing.assert_allclose(mtz.cell.parameters[3:], CELL[name][3:], rtol=1e-6)
    assert mtz.spacegroup.centring_type() == "P"
    assert all(op.tran == [0, 0, 0] for op in mtz.spacegroup.operations().sym_ops)
    # s is that of the voxels
    hkl = np.stack([merged.coords[x].values for x in "hkl"], axis=-1)
    d = mtz.make_d_array()
    s = np.sqrt(np.einsum("ij,jk,ik->i", hkl, metric_of(CELL[name]), hkl))
    away = s > 0
    np.testing.assert_allclose(1 / d[away], s[away], rtol=1e-5)
    low, high = mtz.resolution_low(), mtz.resolution_high()
    assert 1 / high == pytest.approx(s.max(), rel=1e-4)
    assert low > high
    # the reflections are equivalent to the voxels, and in CCP4's asymmetric unit
    asu = gemmi.ReciprocalAsu(mtz.spacegroup)
    miller = mtz.make_miller_array()
    assert all(asu.is_in(list(x)) for x in miller.tolist())
    np.testing.assert_allclose(mtz.column_with_label("I").array, merged.values, rtol=1e-6)
    sigma = np.sqrt(merged.variances)
    np.testing.assert_allclose(mtz.column_with_label("SIGI").array, sigma, rtol=1e-6)
    more = mtz.column_with_label("MULT").array
    np.testing.assert_array_equal(more, merged.coords["multiplicity"].values)
    operations = np.array(
        [np.array(op.rot) // 24 for op in mtz.spacegroup.operations().sym_ops]
    )
    images = np.einsum("ni,oij->noj", np.rint(hkl * factors).astype(int), operations)
    images = np.concatenate([images, -images], axis=1)
    same = (images == miller[:, None, :]).all(axis=-1).any(axis=1)
    assert same.all()


@pytest.mark.parametrize("unit", ["counts/mrad²/s", "electrons² per unit cell", "Å⁻³ " * 40])
@pytest.mark.parametrize("title", ["", "carte d'été²", "Карта", "x" * 200])
def test_no_title_and_no_unit_shifts_the_records(tmp_path: Path, unit: str, title: str) -> None:
    merged = table()
    merged.coords["intensity_unit"] = sc.scalar(unit)
    group = space_group("P 21 21 21")
    write_mtz(tmp_path / "a.mtz", merged, CELL["P 21 21 21"], group, title=title)
    mtz = gemmi.read_mtz_file(str(tmp_path / "a.mtz"))
    assert mtz.nreflections == len(merged)
    assert len(mtz.columns) == 7
    assert mtz.title.isascii()
    np.testing.assert_allclose(mtz.column_with_label("I").array, merged.values, rtol=1e-6)


def test_mates_kept_apart_keep_their_indices(tmp_path: Path) -> None:
    merged = table(friedel=False)
    group = space_group("P 21 21 21")
    write_mtz(tmp_path / "a.mtz", merged, CELL["P 21 21 21"], group, friedel=False)
    mtz = gemmi.read_mtz_file(str(tmp_path / "a.mtz"))
    np.testing.assert_array_equal(mtz.make_miller_array(), index_of(merged))


def test_masked_rows_and_rows_without_intensity_are_left_out(tmp_path: Path) -> None:
    merged = table()
    merged.values[3] = np.nan
    merged.masks["bad"] = sc.array(dims=["voxel"], values=np.arange(len(merged)) == 7)
    write_mtz(tmp_path / "a.mtz", merged, CELL["P 21 21 21"], space_group("P 21 21 21"))
    mtz = gemmi.read_mtz_file(str(tmp_path / "a.mtz"))
    kept = np.delete(merged.values, [3, 7])
    np.testing.assert_allclose(mtz.column_with_label("I").array, kept, rtol=1e-6)


def test_blocks_make_the_same_file(tmp_path: Path) -> None:
    merged, group = table(), space_group("P 21 21 21")
    blocks = (merged["voxel", i : i + 100] for i in range(0, len(merged), 100))
    write_mtz(tmp_path / "a.mtz", merged, CELL["P 21 21 21"], group)
    write_mtz(tmp_path / "b.mtz", blocks, CELL["P 21 21 21"], group)
    assert (tmp_path / "a.mtz").read_bytes() == (tmp_path / "b.mtz").read_bytes()


def test_a_bragg_table_without_a_grid_is_one_of_whole_indices(tmp_path: Path) -> None:
    merged = table(grid=Grid((1, 1, 1))).drop_coords(["n_h", "n_k", "n_l", "grid_mode"])
    write_mtz(tmp_path / "a.mtz", merged, CELL["P 21 21 21"], space_group("P 21 21 21"))
    mtz = gemmi.read_mtz_file(str(tmp_path / "a.mtz"))
    np.testing.assert_allclose(mtz.cell.parameters, CELL["P 21 21 21"], rtol=1e-6)


def test_mistakes_are_said(tmp_path: Path) -> None:
    cell, group = CELL["P 21 21 21"], space_group("P 21 21 21")
    with pytest.raises(UserError, match="dims"):
        write_mtz(tmp_path / "a.mtz", sc.DataArray(sc.arange("x", 3.0)), cell, group)
    bare = table()
    bare.variances = None
    with pytest.raises(UserError, match="no variances"):
        write_mtz(tmp_path / "a.mtz", bare, cell, group)
    for nothing in ([], table()["voxel", :0]):
        with pytest.raises(UserError, match="no row has an intensity"):
            write_mtz(tmp_path / "a.mtz", nothing, cell, group)
    assert not list(tmp_path.iterdir())
