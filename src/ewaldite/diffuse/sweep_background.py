"""The background images of a sweep, opened and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ewaldite.diffuse.background import BackgroundSource
from ewaldite.diffuse.options import SweepOptions
from ewaldite.errors import UserError
from ewaldite.io.images import FrameError, ImageSeries, open_images
from ewaldite.io.images.series import Image


def open_background(
    section: SweepOptions, base: Path, images: ImageSeries, ceiling: int
) -> tuple[BackgroundSource | None, str]:
    """Open the background images of a sweep.

    Parameters
    ----------
    section:
        The sweep's section of the configuration.
    base:
        Folder to which paths refer.
    images:
        The sweep's images, which they must match.
    ceiling:
        Counts at or above it are no measurement.

    Returns
    -------
    :
        Where the background of a wedge comes from, and the digest of the files; None and an
        empty text without a background.

    Raises
    ------
    UserError
        If they cannot be read, are of another size, or nothing says their exposure.
    """
    if section.background is None:
        return None, ""
    series = open_images(section.background, base)
    if series.shape != images.shape:
        raise UserError(
            f"subtract the background of the sweep '{section.name}'",
            f"{series.source(0)} has {series.shape[1]} × {series.shape[0]} pixels, the images "
            f"have {images.shape[1]} × {images.shape[0]}",
            "Give background images of the same detector.",
        )
    exposure = series.metadata.exposure
    if section.background_exposure is not None:
        exposure = np.full(len(series), section.background_exposure)
    if exposure is None:
        raise UserError(
            f"subtract the background of the sweep '{section.name}'",
            f"{series.source(0)} does not say how long it was exposed",
            "Give background_exposure = SECONDS in its [[sweep]] section.",
        )
    metadata = series.metadata
    source = BackgroundSource(
        _reader(section, series),
        metadata.phi,
        metadata.width,
        exposure * _transmission(section, images, series),
        series.markers,
        ceiling,
    )
    return source, series.digest()


def _transmission(section: SweepOptions, images: ImageSeries, series: ImageSeries) -> float:
    """Transmission for the background: the option, else by the ratio in the headers."""
    if section.background_transmission is not None:
        return section.background_transmission
    of_sweep, of_background = images.metadata.transmission, series.metadata.transmission
    if not of_sweep or not of_background:
        return section.transmission
    return section.transmission * of_background / of_sweep


def _reader(section: SweepOptions, series: ImageSeries) -> Callable[[int], Image]:
    """Read background images; 'exclude' is no remedy for a damaged one."""

    def read(i: int) -> Image:
        try:
            return series.read(i)
        except FrameError as error:
            raise UserError(
                f"subtract the background of the sweep '{section.name}'",
                f"{error.asked}: {error.found}",
                "Restore the file, or list the background images without it.",
            ) from error

    return read
