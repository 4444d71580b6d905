"""Values of HDF5 datasets in the units of the program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.model.experiment import FloatArray

Quantity = Literal["length", "wavelength", "time", "angle", "energy"]

_LENGTH = {"m": 1e3, "cm": 10.0, "mm": 1.0, "um": 1e-3, "nm": 1e-6, "angstrom": 1e-7}
_SYNONYMS = {
    "meter": "m", "metre": "m", "meters": "m", "metres": "m",
    "millimeter": "mm", "millimetre": "mm", "millimeters": "mm", "millimetres": "mm",
    "micron": "um", "microns": "um", "micrometer": "um", "micrometre": "um",
    "nanometer": "nm", "nanometre": "nm", "angstroms": "angstrom", "a": "angstrom",
    "å": "angstrom", "second": "s", "seconds": "s", "sec": "s",
    "millisecond": "ms", "milliseconds": "ms", "microsecond": "us", "microseconds": "us",
    "nanosecond": "ns", "nanoseconds": "ns", "degree": "deg", "degrees": "deg", "°": "deg",
    "radian": "rad", "radians": "rad",
}  # fmt: skip
FACTORS: Mapping[Quantity, Mapping[str, float]] = {
    "length": _LENGTH,
    "wavelength": {unit: factor / _LENGTH["angstrom"] for unit, factor in _LENGTH.items()},
    "time": {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9},
    "angle": {"deg": 1.0, "rad": 180.0 / np.pi, "mrad": 0.18 / np.pi},
    "energy": {"ev": 1.0, "kev": 1e3},
}
DEFAULTS: Mapping[Quantity, str] = {
    "length": "m",
    "wavelength": "angstrom",
    "time": "s",
    "angle": "deg",
    "energy": "ev",
}


def text_of(value: Any) -> str:
    """Return an HDF5 string, whatever its type, without padding."""
    item = np.asarray(value).ravel()
    first = item[0] if item.size else ""
    if isinstance(first, bytes):
        return first.decode("utf-8", "replace").strip("\0 ")
    return str(first).strip("\0 ")


def values_in(dataset: h5py.Dataset, quantity: Quantity) -> FloatArray:
    """Return the values of a dataset, flattened, converted by its ``units`` attribute.

    Parameters
    ----------
    dataset:
        Any shape, numeric.
    quantity:
        Gives the result's unit: length mm, wavelength Å, time s, angle degrees, energy eV.
        Without the attribute the NeXus default holds: m, Å, s, degrees, eV.

    Raises
    ------
    UserError
        If the unit is not one of the quantity.
    """
    unit = text_of(dataset.attrs.get("units", DEFAULTS[quantity])) or DEFAULTS[quantity]
    key = unit.lower().replace("µ", "u").replace("μ", "u")
    factor = FACTORS[quantity].get(_SYNONYMS.get(key, key))
    if factor is None:
        raise UserError(
            f"read {dataset.name} in {dataset.file.filename}",
            f"its unit '{unit}' is not one of a {quantity}",
            f"Correct the attribute 'units' (one of {', '.join(FACTORS[quantity])}).",
        )
    return np.asarray(dataset[()], dtype=np.float64).ravel() * factor
