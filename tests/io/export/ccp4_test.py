"""A CCP4 map read back by gemmi has its voxels where they belong."""

from __future__ import annotations

import struct
from pathlib import Path

import gemmi
import numpy as np
import pytest
import scipp as sc
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.crystal.map_axes import MapAxes
from ewaldite.errors import UserError
from ewaldite.io.export import write_ccp4
from ewaldite.io.export.ccp4 import SCALE

CELL = (27.3, 32.0, 34.3, 88.6, 108.6, 111.8)
# values at points without any symmetry
MARKS = {(2, -1, 3): 7.0, (-3, 0, 1): 11.0, (0, 2, -4): 13.0}


def volume(
    dims: str = "hkl", n: int = 3, low: tuple[int, int, int] = (-3, -2, -4)
) -> sc.DataArray:
    """Zero but for the marks, whose places are in steps from the origin."""
    high = (4, 2, 5)
    shape = [b - a + 1 for a, b in zip(low, high, strict=True)]
    values = np.zeros(shape)
    for place, value in MARKS.items():
        values[tuple(np.subtract(place, low))] = value
    unit = "one" if dims == "hkl" else "angstrom"
    return sc.DataArray(
        sc.array(dims=list(dims), values=values, unit="counts/mrad**2/s"),
        coords={
            d: sc.array(dims=[d], values=np.arange(a, b + 1) / n, unit=unit)
            for d, a, b in zip(dims, low, high, strict=True)
        },
        name="intensity",
    )


def read(path: Path) -> gemmi.Ccp4Map:
    found = gemmi.read_ccp4_map(str(path))
    assert found.header_i32(4) == 2
    return found


def placed(found: gemmi.Ccp4Map) -> dict[tuple[float, ...], float]:
    """Non-zero values by the orthogonal position at which gemmi puts them."""
    low = np.array([found.header_i32(w) for w in (5, 6, 7)])
    found.setup(0.0)
    grid = found.grid
    assert grid.axis_order == gemmi.AxisOrder.XYZ
    shape = np.array(grid.shape)
    out = {}
    for index in np.argwhere(grid.array != 0):
        # gemmi wraps into its cell: undo it by the number of the first voxel
        place = low + (index - low) % shape
        fraction = gemmi.Fractional(*(place / shape))
        out[tuple(grid.unit_cell.orthogonalize(fraction).tolist())] = float(
            grid.array[tuple(index)]
        )
    return out


def own_frame(vectors: np.ndarray) -> np.ndarray:
    """Rows turned so that the first is along x and the second in xy, as viewers do."""
    r = np.linalg.qr(vectors.T).R
    return np.asarray((np.sign(np.diag(r))[:, None] * r).T)


@pytest.mark.parametrize("order", ["hkl", "lkh", "klh"])
def test_voxels_of_reciprocal_space_are_at_their_scattering_vectors(
    tmp_path: Path, order: str
) -> None:
    array = volume().transpose(list(order)).copy()
    write_ccp4(tmp_path / "map.ccp4", array, CELL)
    found = placed(read(tmp_path / "map.ccp4"))
    basis = own_frame(MapAxes.of(array, CELL).basis)
    wanted = {tuple(np.array(p) / 3 @ basis * SCALE): v for p, v in MARKS.items()}
    assert sorted(found.values()) == sorted(wanted.values())
    for position, value in wanted.items():
        (other,) = (p for p, v in found.items() if v == value)
        np.testing.assert_allclose(other, position, atol=1e-4)
        length = MapAxes.of(array, CELL).length(
            np.array(next(p for p, v in MARKS.items() if v == value)) / 3
        )
        assert np.linalg.norm(other) == pytest.approx(SCALE * float(length), rel=1e-5)


def test_voxels_of_real_space_are_at_their_positions_in_the_crystal(tmp_path: Path) -> None:
    array = volume("uvw", n=2)
    write_ccp4(tmp_path / "pdf.ccp4", array, CELL)
    found = placed(read(tmp_path / "pdf.ccp4"))
    crystal = gemmi.UnitCell(*CELL)
    for place, value in MARKS.items():
        fraction = np.array(place) / 2 / CELL[:3]
        wanted = crystal.orthogonalize(gemmi.Fractional(*fraction)).tolist()
        (other,) = (p for p, v in found.items() if v == value)
        np.testing.assert_allclose(other, wanted, atol=1e-4)


def test_cell_and_axes_of_the_header(tmp_path: Path) -> None:
    array = volume()
    write_ccp4(tmp_path / "map.mrc", array, CELL, label="lysozyme")
    found = read(tmp_path / "map.mrc")
    assert [found.header_i32(w) for w in range(1, 11)] == [8, 5, 10, 2, -3, -2, -4, 8, 5, 10]
    assert [found.header_i32(w) for w in (17, 18, 19, 23)] == [1, 2, 3, 1]
    reciprocal = gemmi.UnitCell(*CELL).reciprocal()
    cell = [found.header_float(w) for w in range(11, 17)]
    lengths = (
        np.array([reciprocal.a, reciprocal.b, reciprocal.c]) * SCALE * np.array([8, 5, 10]) / 3
    )
    np.testing.assert_allclose(cell[:3], lengths, rtol=1e-6)
    angles = [reciprocal.alpha, reciprocal.beta, reciprocal.gamma]
    np.testing.assert_allclose(cell[3:], angles, rtol=1e-6)
    assert found.header_str(57, 80).strip() == "ewaldite"
    assert "lysozyme" in found.header_str(57, 800)
    array.name = "3D-ΔPDF"
    write_ccp4(tmp_path / "named.mrc", array, CELL)
    assert "3D-deltaPDF (counts/mrad" in read(tmp_path / "named.mrc").header_str(57, 800)
    assert "counts/mrad" in found.header_str(57, 800)
    assert found.header_str(53, 4) == "MAP "
    assert (tmp_path / "map.mrc").stat().st_size == 1024 + 4 * 400


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([None, 0.0, -99.0]))
def test_values_come_back(
    tmp_path_factory: pytest.TempPathFactory, seed: int, missing: float | None
) -> None:
    rng = np.random.default_rng(seed)
    array = volume()
    array.values = rng.normal(size=array.shape)
    hidden = rng.random(array.shape) < 0.2
    array.masks["absent"] = sc.array(dims=list("hkl"), values=hidden)
    array.values[0, 0, 0] = np.nan
    hidden[0, 0, 0] = True
    path = tmp_path_factory.mktemp("ccp4") / "map.ccp4"
    write_ccp4(path, array, CELL, missing=missing)
    data = path.read_bytes()
    found = np.frombuffer(data[1024:], "<f4").reshape(10, 5, 8).T
    np.testing.assert_allclose(found[~hidden], array.values[~hidden], rtol=1e-6)
    if missing is None:
        assert np.isnan(found[hidden]).all()
    else:
        assert (found[hidden] == missing).all()
    low, high, mean = struct.unpack("<3f", data[76:88])
    (rms,) = struct.unpack("<f", data[216:220])
    finite = found[np.isfinite(found)].astype(np.float64)
    np.testing.assert_allclose([low, high], [finite.min(), finite.max()], rtol=1e-6)
    np.testing.assert_allclose([mean, rms], [finite.mean(), finite.std()], rtol=1e-5)


def test_a_map_without_a_value_says_that_nothing_is_known(tmp_path: Path) -> None:
    array = volume()
    array.masks["absent"] = array.data > sc.scalar(-1.0, unit=array.unit)
    write_ccp4(tmp_path / "map.ccp4", array, CELL)
    low, high, mean = struct.unpack("<3f", (tmp_path / "map.ccp4").read_bytes()[76:88])
    assert high < low
    assert mean < high


def test_nodes_on_corners_have_no_place_in_the_format(tmp_path: Path) -> None:
    array = volume()
    array.coords["k"].values[...] += 0.5 / 3
    with pytest.raises(UserError, match="mode 'node'"):
        write_ccp4(tmp_path / "map.ccp4", array, CELL)
    assert not list(tmp_path.iterdir())


def test_a_table_is_no_map(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="dims and coordinates"):
        write_ccp4(tmp_path / "map.ccp4", sc.DataArray(sc.arange("voxel", 3.0)), CELL)
