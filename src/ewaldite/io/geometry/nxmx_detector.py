"""The detector of an NXmx file: one panel a module."""

from __future__ import annotations

import re

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.nxmx_axes import asked_of, chain, compose, length_of, text_of
from ewaldite.model.experiment import FloatArray, Panel, Sensor

Place = tuple[tuple[int, int], tuple[int, int]]  # offset and shape, each (slow, fast)

# Images of a series over several files, as Eiger writes it
_BLOCK = re.compile(r"data_\d+")

MATERIALS = {
    "si": "Si",
    "silicon": "Si",
    "cdte": "CdTe",
    "cadmium telluride": "CdTe",
    "gaas": "GaAs",
    "gallium arsenide": "GaAs",
}


def child(parent: h5py.Group, kind: str, name: str) -> h5py.Group | None:
    """First child group of a NeXus class, else the one of the usual name."""
    found = children(parent, kind)
    if found:
        return found[0]
    group = parent.get(name)
    return group if isinstance(group, h5py.Group) else None


def children(parent: h5py.Group, kind: str) -> list[h5py.Group]:
    """Child groups of a NeXus class by name; broken links are passed over."""
    groups = [parent.get(name) for name in sorted(parent)]
    return [
        group
        for group in groups
        if isinstance(group, h5py.Group) and text_of(group.attrs.get("NX_class", "")) == kind
    ]


def panels_of(
    file: h5py.File, entry: h5py.Group, detector: h5py.Group, turn: FloatArray
) -> tuple[tuple[Panel, ...], tuple[int, int], list[str]]:
    """Panels of a detector.

    Parameters
    ----------
    file, entry, detector:
        The open file and its groups.
    turn:
        Rotation from the frame of McStas into ours; dims (row, column).

    Returns
    -------
    :
        The panels, the shape (slow, fast) of the image, and notes.

    Raises
    ------
    UserError
        If there is no module, or one is incomplete or outside the image.
    """
    modules = children(detector, "NXdetector_module")
    if not modules:
        raise UserError(
            asked_of(file),
            f"'{detector.name}' holds no NXdetector_module",
            "Give the geometry of DIALS or XDS instead.",
        )
    notes: list[str] = []
    image = _image_shape(file, entry)
    places = _places(file, modules, image, notes)
    shape = image or (
        max(offset[0] + size[0] for offset, size in places),
        max(offset[1] + size[1] for offset, size in places),
    )
    sensor = _sensor(detector, notes)
    panels = [
        _panel(file, module, place, sensor, turn)
        for module, place in zip(modules, places, strict=True)
    ]
    return tuple(panels), shape, notes


def _panel(
    file: h5py.File,
    module: h5py.Group,
    place: Place,
    sensor: Sensor | None,
    turn: FloatArray,
) -> Panel:
    directions, sizes, origins = [], [], []
    for name in ("fast_pixel_direction", "slow_pixel_direction"):
        dataset = module.get(name)
        if not isinstance(dataset, h5py.Dataset) or "vector" not in dataset.attrs:
            raise UserError(
                asked_of(file),
                f"'{module.name}/{name}' is missing or has no 'vector'",
                "Give the geometry of DIALS or XDS instead.",
            )
        start = text_of(dataset.attrs.get("depends_on", "."))
        matrix = compose(chain(file, start, module.name))
        vector = np.asarray(dataset.attrs["vector"], dtype=np.float64)
        directions.append(turn @ matrix[:3, :3] @ (vector / np.linalg.norm(vector)))
        origins.append(turn @ matrix[:3, 3])
        sizes.append(float(length_of(dataset)[0]))
    return Panel(
        origin=origins[0],
        fast=directions[0],
        slow=directions[1],
        pixel_size=(sizes[0], sizes[1]),
        shape=place[1],
        offset=place[0],
        name=module.name.rsplit("/", 1)[-1],
        sensor=sensor,
        parallax="none" if sensor is None else "dials",
    )


def _places(
    file: h5py.File,
    modules: list[h5py.Group],
    image: tuple[int, int] | None,
    notes: list[str],
) -> list[Place]:
    """Where the modules are; some writers give fast before slow, which the image betrays."""
    places: list[Place] = []
    for module in modules:
        if "data_size" not in module:
            raise UserError(
                asked_of(file),
                f"'{module.name}' has no data_size",
                "Give the geometry of DIALS or XDS instead.",
            )
        size = [int(n) for n in np.ravel(module["data_size"][()])[-2:]]
        start = [0, 0]
        if "data_origin" in module:
            start = [int(n) for n in np.ravel(module["data_origin"][()])[-2:]]
        places.append(((start[0], start[1]), (size[0], size[1])))
    if image is None or _fits(places, image):
        return places
    swapped = [(offset[::-1], size[::-1]) for offset, size in places]
    if not _fits(swapped, image):
        raise UserError(
            asked_of(file),
            f"its modules do not fit into the image of {image[0]} × {image[1]} pixels",
            "Mend data_origin and data_size, or give the geometry of DIALS or XDS.",
        )
    notes.append(f"{file.filename} gives data_size as (fast, slow); read so")
    return swapped


def _fits(places: list[Place], image: tuple[int, int]) -> bool:
    return all(
        offset[i] >= 0 and offset[i] + size[i] <= image[i]
        for offset, size in places
        for i in range(2)
    )


def image_count(file: h5py.File, entry: h5py.Group) -> int | None:
    """Count the images of an NXdata, over all files that it links; None where it does not say.

    Raises
    ------
    UserError
        If the data are not put together into images.
    """
    stack = _stack_shape(file, entry)
    if stack is None or len(stack) != 3:
        return None
    data = child(entry, "NXdata", "data")
    blocks = [name for name in data or () if _BLOCK.fullmatch(name)]
    if data is None or not blocks or _whole_name(data) is not None:
        return stack[0]
    linked = [data.get(name) for name in blocks]
    if not all(isinstance(block, h5py.Dataset) and block.ndim == 3 for block in linked):
        return None
    return sum(int(block.shape[0]) for block in linked)


def _image_shape(file: h5py.File, entry: h5py.Group) -> tuple[int, int] | None:
    stack = _stack_shape(file, entry)
    return None if stack is None else (stack[-2], stack[-1])


def _stack_shape(file: h5py.File, entry: h5py.Group) -> tuple[int, ...] | None:
    data = child(entry, "NXdata", "data")
    if data is None:
        return None
    for name in (_whole_name(data), *sorted(filter(_BLOCK.fullmatch, data))):
        if name is None:
            continue
        # a link to an absent file reads as None
        dataset = data.get(name)
        if not isinstance(dataset, h5py.Dataset):
            continue
        if dataset.ndim > 3:
            raise UserError(
                asked_of(file),
                f"'{dataset.name}' has {dataset.ndim} dimensions: no assembled images",
                "Assemble the modules into images first.",
            )
        if dataset.ndim >= 2:
            return tuple(int(n) for n in dataset.shape)
    return None


def _whole_name(data: h5py.Group) -> str | None:
    """Name of the dataset that holds all images, if there is one; not that of a first block."""
    for name in (text_of(data.attrs.get("signal", "data")), "data"):
        if isinstance(data.get(name), h5py.Dataset) and not _BLOCK.fullmatch(name):
            return name
    return None


def _sensor(detector: h5py.Group, notes: list[str]) -> Sensor | None:
    if "sensor_thickness" not in detector:
        notes.append(f"{detector.file.filename} does not state the sensor's thickness")
        return None
    thickness = float(length_of(detector["sensor_thickness"])[0])
    if thickness <= 0.0:
        return None
    stated = "Si"
    if "sensor_material" in detector:
        stated = text_of(detector["sensor_material"][()]).strip("\x00 ")
    else:
        notes.append(f"{detector.file.filename} does not name the sensor: silicon assumed")
    return Sensor(MATERIALS.get(stated.lower(), stated), thickness)
