from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ewaldite.errors import UserError
from ewaldite.io.scale_factors import read_scale_factors

LP = """
 IMAGE IER  SCALE     NBKG NOVL NEWALD NSTRONG  NREJ   SIGMAB   SIGMAR
     1   0  1.058  5208029    0    138      64     3  0.03762  0.05805
     2   0  1.029  5207336    0    149      71     2  0.03899  0.07962
     3  -1  0.000        0    0      0       0     0  0.00000  0.00000

     9   0  9.999  about other things
 IMAGE IER  SCALE     NBKG NOVL NEWALD NSTRONG  NREJ   SIGMAB   SIGMAR
     4   0  0.990  5208029    0    138      64     3  0.03762  0.05805
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "factors.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "text",
    [
        "sweep,frame,factor\na,1,1.5\na,2,1.25\nb,1,0.5\n",
        "# by hand\nSweep  Frame  Factor\n\na 1 1.5\na   2 1.25\nb 1 0.5",
        'note; factor; frame; sweep\nx; 1.5; 1; "a"\ny; 1.25; 2; a\nz; 0.5; 1; b\n',
    ],
)
def test_tables_of_text(tmp_path: Path, text: str) -> None:
    table = read_scale_factors(write(tmp_path, text))
    assert table.sweep == ("a", "a", "b")
    assert table.kind == "frame"
    assert_allclose(table.place, [1, 2, 1])
    assert_allclose(table.factor, [1.5, 1.25, 0.5])


def test_angles_without_sweep(tmp_path: Path) -> None:
    table = read_scale_factors(write(tmp_path, "angle factor\n-3.5 1\n0 2\n"))
    assert (table.sweep, table.kind) == ((), "angle")
    assert_allclose(table.place, [-3.5, 0])


def test_the_column_of_integrate_lp(tmp_path: Path) -> None:
    table = read_scale_factors(write(tmp_path, LP))
    assert (table.sweep, table.kind) == ((), "frame")
    assert_allclose(table.place, [1, 2, 4])
    assert_allclose(table.factor, [1.058, 1.029, 0.99])


def test_a_real_integrate_lp(shared_data: Path) -> None:
    path = shared_data / "lysozyme_xds" / "xds_7_1" / "INTEGRATE.LP"
    table = read_scale_factors(path)
    assert table.factor[0] == 1.058
    assert np.all(np.diff(table.place) == 1)
    assert np.all((table.factor > 0.5) & (table.factor < 2))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "first line"),
        ("frame scale\n1 2\n", "first line"),
        ("frame angle factor\n1 2 3\n", "first line"),
        ("frame factor\n1 2 3\n", "row 1 has 3 values"),
        ("frame factor\n1 two\n", "no number"),
        ("frame factor\n", "holds no factor"),
        ("frame factor\n1 1\n2 0\n", "factor number 2 is 0"),
        ("frame factor\n1 nan\n", "factor number 1 is nan"),
    ],
)
def test_mistakes_are_explained(tmp_path: Path, text: str, found: str) -> None:
    with pytest.raises(UserError, match=found):
        read_scale_factors(write(tmp_path, text))


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_scale_factors(tmp_path / "none.csv")
    (tmp_path / "raw").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(UserError, match="no readable text"):
        read_scale_factors(tmp_path / "raw")
