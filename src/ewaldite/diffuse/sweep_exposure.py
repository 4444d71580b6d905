"""How long every frame of a sweep was exposed."""

from __future__ import annotations

import numpy as np

from ewaldite.diffuse.options import SweepOptions
from ewaldite.errors import UserError
from ewaldite.io.images import ImageSeries
from ewaldite.model.experiment import FloatArray, Sweep

_REMEDY = "Give exposure = SECONDS in its [[sweep]] section."
_CONFLICT = 0.01  # relative difference that is worth a note


def frame_exposure(
    section: SweepOptions, sweep: Sweep, images: ImageSeries, *, skip: bool
) -> tuple[FloatArray, list[str]]:
    """Exposure of every frame: the option, the images, the geometry, in this order.

    Parameters
    ----------
    section:
        The sweep's section of the configuration.
    sweep:
        Its geometry.
    images:
        Its images.
    skip:
        Whether frames that cannot be read are skipped: they take the median of the others.

    Returns
    -------
    :
        dims (frame), s, float64; and notes.

    Raises
    ------
    UserError
        If nothing says it, or not for all frames.
    """
    count = len(sweep.scan)
    if section.exposure is not None:
        return np.full(count, section.exposure), []
    of_images, of_geometry = images.metadata.exposure, sweep.scan.exposure
    notes = []
    if of_images is not None:
        of_images = _filled(of_images, section, images, skip=skip)
        if of_geometry is not None and np.any(np.abs(of_geometry / of_images - 1) > _CONFLICT):
            notes.append(
                f"exposure: the images of '{section.name}' say {of_images[0]:g} s, the "
                f"geometry {of_geometry[0]:g} s; the images are believed"
            )
        return of_images, notes
    if of_geometry is not None:
        notes.append(f"exposure of '{section.name}' from its geometry: {of_geometry[0]:g} s")
        return of_geometry, notes
    raise UserError(
        f"reduce the sweep '{section.name}'",
        f"neither {images.source(0)} nor {section.geometry} says how long a frame was exposed",
        _REMEDY,
    )


def _filled(
    exposure: FloatArray, section: SweepOptions, images: ImageSeries, *, skip: bool
) -> FloatArray:
    absent = np.flatnonzero(~np.isfinite(exposure))
    if absent.size == 0:
        return exposure
    if not skip:
        raise UserError(
            f"reduce the sweep '{section.name}'",
            f"{images.source(int(absent[0]))} does not say how long it was exposed, or cannot "
            f"be read ({absent.size} of {exposure.size} frames)",
            f"{_REMEDY[:-1]}, or restore the file.",
        )
    return np.where(np.isfinite(exposure), exposure, np.nanmedian(exposure))
