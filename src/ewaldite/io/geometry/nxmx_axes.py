"""Chains of NeXus transformations: where a part of an NXmx file stands in the laboratory.

Every link is ``x → R x + o`` (rotation) or ``x → x + value · vector + o`` (translation) with
the offset o; a chain ``depends_on`` the next link until "." (NeXus manual, NXtransformations).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.model.experiment import FloatArray

MILLIMETRES = {
    "m": 1e3,
    "meter": 1e3,
    "metre": 1e3,
    "cm": 10.0,
    "mm": 1.0,
    "um": 1e-3,
    "nm": 1e-6,
}
DEGREES = {"deg": 1.0, "degree": 1.0, "degrees": 1.0, "rad": 180.0 / np.pi}
MAX_LINKS = 100


@dataclass(frozen=True)
class Link:
    """One transformation.

    Attributes
    ----------
    path:
        Its path in the file.
    rotation:
        True for a rotation, False for a translation.
    values:
        Degrees or mm; dims (frame) or one value.
    vector:
        Direction; dims (xyz).
    offset:
        mm; dims (xyz).
    """

    path: str
    rotation: bool
    values: FloatArray
    vector: FloatArray
    offset: FloatArray

    def matrix(self, index: int = 0) -> FloatArray:
        """Affine matrix of the link at a frame; dims (row, column) 4 × 4, mm."""
        value = self.values[min(index, self.values.size - 1)]
        matrix = np.eye(4)
        matrix[:3, 3] = self.offset
        if self.rotation:
            matrix[:3, :3] = rotation_matrix(self.vector, value)
        else:
            matrix[:3, 3] += value * self.vector
        return matrix


def text_of(value: Any) -> str:
    """Text of a NeXus attribute or scalar dataset, whichever way it was written."""
    if isinstance(value, np.ndarray):
        value = value.flat[0] if value.size else ""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def asked_of(file: h5py.File) -> str:
    """Return what was asked, for an error message."""
    return f"read the geometry from {file.filename}"


def chain(file: h5py.File, start: str, group: str) -> list[Link]:
    """Links from a part of the instrument to the laboratory.

    Parameters
    ----------
    file:
        The open file.
    start:
        ``depends_on`` of the part, absolute or relative to ``group``; "." is the laboratory.
    group:
        Path of the group that holds it.

    Returns
    -------
    :
        The nearest link first.

    Raises
    ------
    UserError
        If a link is missing, goes round in a circle or lacks its vector.
    """
    links: list[Link] = []
    path = start
    while path not in (".", ""):
        path = path if path.startswith("/") else f"{group.rstrip('/')}/{path}"
        if len(links) >= MAX_LINKS or any(link.path == path for link in links):
            raise UserError(
                asked_of(file),
                f"the chain of transformations at '{path}' goes round in a circle",
                "Mend 'depends_on'.",
            )
        links.append(_link(file, path))
        group = path.rsplit("/", 1)[0]
        path = text_of(file[path].attrs.get("depends_on", "."))
    return links


def compose(links: list[Link], index: int = 0) -> FloatArray:
    """Affine matrix of a chain: the last link acts last; dims (row, column) 4 × 4, mm."""
    matrix = np.eye(4)
    for link in links:
        matrix = link.matrix(index) @ matrix
    return matrix


def length_of(dataset: h5py.Dataset) -> FloatArray:
    """Values of a dataset in mm, flat; without a unit they are metres."""
    return _flat(dataset) * _factor(dataset.file, dataset, "units", MILLIMETRES, "m")


def angle_of(dataset: h5py.Dataset) -> FloatArray:
    """Values of a dataset in degrees, flat; without a unit they are degrees."""
    return _flat(dataset) * _factor(dataset.file, dataset, "units", DEGREES, "deg")


def _flat(dataset: h5py.Dataset) -> FloatArray:
    return np.atleast_1d(np.asarray(dataset[()], dtype=np.float64)).ravel()


def _factor(
    file: h5py.File, dataset: h5py.Dataset, name: str, units: dict[str, float], default: str
) -> float:
    unit = text_of(dataset.attrs.get(name, default)).strip()
    if unit.lower() not in units:
        raise UserError(
            asked_of(file),
            f"'{dataset.name}' has the unit '{unit}'",
            f"Known units here are {', '.join(units)}.",
        )
    return units[unit.lower()]


def _link(file: h5py.File, path: str) -> Link:
    dataset = file.get(path)
    if not isinstance(dataset, h5py.Dataset) or "vector" not in dataset.attrs:
        raise UserError(
            asked_of(file),
            f"the transformation '{path}' is missing or has no 'vector'",
            "Mend 'depends_on', or give the geometry of DIALS or XDS.",
        )
    rotation = text_of(dataset.attrs.get("transformation_type", "translation")) == "rotation"
    offset = np.asarray(dataset.attrs.get("offset", np.zeros(3)), dtype=np.float64)
    if "offset_units" in dataset.attrs:
        offset = offset * _factor(file, dataset, "offset_units", MILLIMETRES, "m")
    elif not rotation:
        # files of Diamond give the offset in the units of the value
        offset = offset * _factor(file, dataset, "units", MILLIMETRES, "m")
    else:
        offset = offset * MILLIMETRES["m"]
    return Link(
        path=path,
        rotation=rotation,
        values=angle_of(dataset) if rotation else length_of(dataset),
        vector=np.asarray(dataset.attrs["vector"], dtype=np.float64).reshape(3),
        offset=offset.reshape(3),
    )
