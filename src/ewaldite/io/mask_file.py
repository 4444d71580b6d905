"""Mask files: images in which non-zero pixels are excluded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import MissingExtraError, UserError


def read_mask_file(path: Path, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Read a mask.

    Parameters
    ----------
    path:
        NPY, HDF5 (its only two-dimensional dataset, or one named ``mask`` or ``pixel_mask``),
        or an image that fabio reads (TIFF, EDF, CBF).
    shape:
        Shape that it must have (slow, fast).

    Returns
    -------
    :
        True where a pixel is excluded: where the file is not zero; dims (slow, fast), bool.

    Raises
    ------
    UserError
        If the file is missing, unreadable or of another shape.
    """
    asked = f"read the mask {path}"
    if not path.is_file():
        raise UserError(asked, "the file does not exist", "Correct [mask] file.")
    if path.suffix == ".npy":
        try:
            values = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise UserError(
                asked, "numpy cannot read it as an array of numbers", "Save it with numpy.save."
            ) from error
    elif h5py.is_hdf5(path):
        try:
            values = _from_hdf5(path, asked)
        except (OSError, RuntimeError) as error:
            raise UserError(
                asked, f"HDF5 cannot read it ({error})", "Copy the file again."
            ) from error
    else:
        values = _from_image(path, asked)
    if values.shape != shape:
        raise UserError(
            asked,
            f"it has {' × '.join(str(n) for n in values.shape[::-1])} pixels, the images have "
            f"{shape[1]} × {shape[0]}",
            "Give a mask of the same detector.",
        )
    return np.asarray(values != 0)


def _from_hdf5(path: Path, asked: str) -> NDArray[Any]:
    found: dict[str, tuple[int, ...]] = {}

    def note(name: str, node: h5py.HLObject) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 2:
            found[name] = node.shape

    with h5py.File(path, "r") as file:
        file.visititems(note)
        named = [n for n in found if n.rsplit("/", 1)[-1] in ("mask", "pixel_mask")]
        chosen = named or list(found)
        if len(chosen) != 1:
            raise UserError(
                asked,
                f"two-dimensional datasets in it: {', '.join(found) or 'none'}",
                "Keep one, or name one 'mask'.",
            )
        return np.asarray(file[chosen[0]][()])


def _from_image(path: Path, asked: str) -> NDArray[Any]:
    try:
        import fabio
    except ImportError as error:
        raise MissingExtraError("fabio", "xray", asked) from error
    try:
        with fabio.open(str(path)) as image:
            return np.asarray(image.data)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(
            asked, f"no reader understands it ({error})", "Use TIFF or NPY."
        ) from error
