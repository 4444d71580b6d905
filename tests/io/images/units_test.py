"""Units of HDF5 datasets."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.images.units import Quantity, text_of, values_in


@pytest.mark.parametrize(
    ("quantity", "unit", "ours"),
    [
        ("length", "m", "mm"), ("length", "um", "mm"), ("length", "cm", "mm"),
        ("length", "nm", "mm"), ("wavelength", "m", "angstrom"),
        ("wavelength", "nm", "angstrom"), ("wavelength", "angstrom", "angstrom"),
        ("time", "ms", "s"), ("time", "us", "s"), ("time", "ns", "s"),
        ("angle", "rad", "deg"), ("angle", "mrad", "deg"), ("energy", "keV", "eV"),
    ],
)  # fmt: skip
def test_conversion_agrees_with_scipp(
    tmp_path: Path, quantity: Quantity, unit: str, ours: str
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [[1.5, 2.0], [3.0, 0.25]]
        file["x"].attrs["units"] = unit
        read = values_in(file["x"], quantity)
    expected = sc.array(dims=["i"], values=[1.5, 2.0, 3.0, 0.25], unit=unit).to(unit=ours)
    np.testing.assert_allclose(read, expected.values, rtol=1e-13)


@pytest.mark.parametrize(
    ("quantity", "unit", "factor"),
    [
        ("length", "metre", 1e3), ("length", "Millimeters", 1.0), ("length", "µm", 1e-3),
        ("length", "μm", 1e-3), ("wavelength", "Å", 1.0), ("wavelength", "A", 1.0),
        ("time", "seconds", 1.0), ("angle", "degrees", 1.0), ("energy", "eV", 1.0),
    ],
)  # fmt: skip
def test_spellings(tmp_path: Path, quantity: Quantity, unit: str, factor: float) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 3
        file["x"].attrs["units"] = unit
        np.testing.assert_allclose(values_in(file["x"], quantity), [3 * factor], rtol=1e-13)


@pytest.mark.parametrize(
    ("quantity", "factor"),
    [("length", 1e3), ("wavelength", 1.0), ("time", 1.0), ("angle", 1.0), ("energy", 1.0)],
)
@pytest.mark.parametrize("empty", [False, True])
def test_no_unit_means_the_default(
    tmp_path: Path, quantity: Quantity, factor: float, empty: bool
) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 2.0
        if empty:
            file["x"].attrs["units"] = b""
        assert values_in(file["x"], quantity) == [2.0 * factor]


def test_a_unit_of_another_quantity_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = 2.0
        file["x"].attrs["units"] = "s"
        with pytest.raises(
            UserError, match=r"/x in .*a\.h5: its unit 's' is not one of a length"
        ):
            values_in(file["x"], "length")


@pytest.mark.parametrize(
    "value", ["Si", b"Si", np.bytes_(b"Si\0\0"), np.array([b"Si "]), np.array(["Si"])]
)
def test_strings_of_any_kind(value: object) -> None:
    assert text_of(value) == "Si"
