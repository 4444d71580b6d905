from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

from ewaldite.errors import UserError
from ewaldite.io.reflections import read_mtz, read_reflections

CELL = (27.4, 32.1, 34.5, 88.7, 108.5, 111.9)
HKL = np.array([[1, 0, 0], [0, -2, 1], [3, 1, -4], [2, 2, 2], [5, 0, 1]])
VALUE = np.array([100.0, 20.5, -3.25, 7.0, 9.0])
SIGMA = np.array([5.0, 1.5, 2.0, 0.0, 1.0])


def write_mtz(path: Path, columns: list[tuple[str, str]], data: np.ndarray) -> bytes:
    mtz = gemmi.Mtz(with_base=True)
    mtz.spacegroup = gemmi.SpaceGroup("P 1")
    mtz.set_cell_for_all(gemmi.UnitCell(*CELL))
    mtz.add_dataset("measured")
    mtz.datasets[1].cell = gemmi.UnitCell(*CELL)
    for label, kind in columns:
        mtz.add_column(label, kind)
    mtz.set_data(np.column_stack([HKL, data]).astype(np.float32))
    mtz.write_to_file(str(path))
    return path.read_bytes()


def test_intensities_of_an_mtz_file(tmp_path: Path) -> None:
    value = VALUE.copy()
    value[4] = np.nan
    columns = [("N", "I"), ("IMEAN", "J"), ("SIGIMEAN", "Q")]
    write_mtz(tmp_path / "a.mtz", columns, np.column_stack([np.ones(5), value, SIGMA]))
    found = read_reflections(tmp_path / "a.mtz")
    # one without a number and one without a sigma are left out
    assert np.array_equal(found.hkl, HKL[:3])
    np.testing.assert_allclose(found.intensity, VALUE[:3])
    np.testing.assert_allclose(found.sigma, SIGMA[:3])
    assert found.cell == pytest.approx(CELL, rel=1e-5)
    assert "IMEAN and SIGIMEAN" in found.columns


def test_amplitudes_are_squared(tmp_path: Path) -> None:
    columns = [("F", "F"), ("SIGF", "Q"), ("PHI", "P")]
    content = write_mtz(
        tmp_path / "a.mtz", columns, np.column_stack([[10, 4, 3, 2, 1], SIGMA, np.zeros(5)])
    )
    found = read_mtz(content, "a.mtz")
    np.testing.assert_allclose(found.intensity, [100, 16, 9, 1])
    np.testing.assert_allclose(found.sigma, [100, 12, 12, 2])


def test_columns_can_be_named(tmp_path: Path) -> None:
    columns = [("I1", "J"), ("SIGI1", "Q"), ("I2", "J"), ("SIGI2", "Q")]
    data = np.column_stack([VALUE, SIGMA, 2 * VALUE, SIGMA + 1])
    write_mtz(tmp_path / "a.mtz", columns, data)
    found = read_reflections(tmp_path / "a.mtz", ("I2", "SIGI2"))
    np.testing.assert_allclose(found.intensity, 2 * VALUE)
    with pytest.raises(UserError, match=r"no column I3, X.*H, K, L, I1, SIGI1"):
        read_reflections(tmp_path / "a.mtz", ("I3", "X"))


def test_big_endian_files_are_read(tmp_path: Path) -> None:
    columns = [("I", "J"), ("SIGI", "Q")]
    content = write_mtz(tmp_path / "a.mtz", columns, np.column_stack([VALUE, SIGMA]))
    words = np.frombuffer(content[:80], "<i4").copy()
    header = int(words[1])
    body = np.frombuffer(content[80 : (header - 1) * 4], "<f4").astype(">f4").tobytes()
    swapped = (
        content[:4] + np.array([header], ">i4").tobytes() + b"\x11\x11\x00\x00" + bytes(68)
    )
    found = read_mtz(swapped + body + content[(header - 1) * 4 :], "b.mtz")
    np.testing.assert_allclose(found.intensity, VALUE[SIGMA > 0])


@pytest.mark.parametrize("length", [3, 10, 90, 150])
def test_cut_files(tmp_path: Path, length: int) -> None:
    columns = [("I", "J"), ("SIGI", "Q")]
    content = write_mtz(tmp_path / "a.mtz", columns, np.column_stack([VALUE, SIGMA]))
    (tmp_path / "b.mtz").write_bytes(content[:length])
    with pytest.raises(UserError, match=r"b\.mtz"):
        read_reflections(tmp_path / "b.mtz")


def test_files_without_intensities(tmp_path: Path) -> None:
    write_mtz(tmp_path / "a.mtz", [("FREE", "I")], np.ones((5, 1)))
    with pytest.raises(UserError, match="no intensity"):
        read_reflections(tmp_path / "a.mtz")
    columns = [("I", "J"), ("SIGI", "Q")]
    write_mtz(tmp_path / "b.mtz", columns, np.full((5, 2), np.nan))
    with pytest.raises(UserError, match="hold no intensity with a sigma"):
        read_reflections(tmp_path / "b.mtz")


XDS = """!FORMAT=XDS_ASCII    MERGE=FALSE    FRIEDEL'S_LAW=FALSE
!SPACE_GROUP_NUMBER=    1
!UNIT_CELL_CONSTANTS=    27.400    32.100    34.500  88.700 108.500 111.900
!NUMBER_OF_ITEMS_IN_EACH_DATA_RECORD=13
!ITEM_H=1
!ITEM_K=2
!ITEM_L=3
!ITEM_IOBS=4
!ITEM_SIGMA(IOBS)=5
!ITEM_XD=6
!ITEM_YD=7
!ITEM_ZD=8
!ITEM_RLP=9
!ITEM_PEAK=10
!ITEM_CORR=11
!ITEM_MAXC=12
!ITEM_PSI=13
!END_OF_HEADER
     1     0     0  1.000E+02  5.000E+00   100.1   200.2   3.5 0.1 100 50 7 12.0
     0    -2     1  2.050E+01  1.500E+00   100.1   200.2   3.5 0.1 100 50 7 12.0
     3     1    -4 -3.250E+00 -2.000E+00   100.1   200.2   3.5 0.1 100 50 7 12.0
!END_OF_DATA
"""


def test_xds_ascii(tmp_path: Path) -> None:
    (tmp_path / "XDS_ASCII.HKL").write_text(XDS)
    found = read_reflections(tmp_path / "XDS_ASCII.HKL")
    assert found.hkl.tolist() == [[1, 0, 0], [0, -2, 1]]
    assert found.intensity.tolist() == [100.0, 20.5]
    assert found.cell == CELL
    judge = gemmi.read_xds_ascii(str(tmp_path / "XDS_ASCII.HKL"))
    assert judge.miller_array.tolist()[:2] == found.hkl.tolist()


def test_damaged_xds_ascii(tmp_path: Path) -> None:
    (tmp_path / "a.HKL").write_text(XDS.replace("2.050E+01", "2.0x"))
    with pytest.raises(UserError, match="line 2 of data"):
        read_reflections(tmp_path / "a.HKL")
    (tmp_path / "b.HKL").write_text(XDS.replace("!ITEM_IOBS=4\n", ""))
    with pytest.raises(UserError, match="damaged"):
        read_reflections(tmp_path / "b.HKL")


def test_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UserError, match="neither MTZ nor XDS_ASCII"):
        read_reflections(tmp_path / "a.txt")
    with pytest.raises(UserError, match="No such file"):
        read_reflections(tmp_path / "b.mtz")


def test_real_file_is_read_as_gemmi_reads_it(shared_data: Path) -> None:
    path = shared_data / "lysozyme_xds" / "XDS_ASCII_aimless.mtz"
    found = read_reflections(path)
    judge = gemmi.read_mtz_file(str(path))
    table = judge.array
    assert found.hkl.tolist() == table[:, :3].astype(int).tolist()
    np.testing.assert_array_equal(found.intensity, table[:, 3].astype(float))
    np.testing.assert_array_equal(found.sigma, table[:, 4].astype(float))
    assert found.cell == pytest.approx(judge.cell.parameters, abs=1e-4)
