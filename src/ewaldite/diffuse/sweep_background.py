"""The background images of a sweep, opened and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ewaldite.diffuse.background import BackgroundSource, CountRule
from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.diffuse.options import SweepOptions
from ewaldite.diffuse.sweep_monitor import BeamIntensity
from ewaldite.errors import UserError
from ewaldite.io.images import FrameError, ImageSeries, open_images
from ewaldite.io.images.series import Image


def background_images(
    section: SweepOptions, base: Path, images: ImageSeries
) -> ImageSeries | None:
    """Open the background images of a sweep.

    Parameters
    ----------
    section:
        The sweep's section of the configuration.
    base:
        Folder to which paths refer.
    images:
        The sweep's images, which they must match.

    Returns
    -------
    :
        The series, or None.

    Raises
    ------
    UserError
        If they cannot be read or are of another size.
    """
    if section.background is None:
        return None
    series = open_images(section.background, base)
    if series.shape != images.shape:
        raise UserError(
            f"subtract the background of the sweep '{section.name}'",
            f"{series.source(0)} has {series.shape[1]} × {series.shape[0]} pixels, the images "
            f"have {images.shape[1]} × {images.shape[0]}",
            "Give background images of the same detector.",
        )
    return series


def open_background(
    section: SweepOptions,
    images: ImageSeries,
    series: ImageSeries | None,
    beam: BeamIntensity,
    *,
    floor: int,
    ceiling: int,
    dead_time: DeadTime | None,
) -> tuple[BackgroundSource | None, str]:
    """Prepare the background of a sweep.

    Parameters
    ----------
    section:
        The sweep's section of the configuration.
    images:
        The sweep's images.
    series:
        Its background images, or None.
    beam:
        Intensity of the beam.
    floor, ceiling:
        Counts below the one, and at or above the other, are no measurement.
    dead_time:
        What counts are corrected for, or None.

    Returns
    -------
    :
        Where the background of a wedge comes from, and the digest of the files; None and an
        empty text without a background.

    Raises
    ------
    UserError
        If nothing says their exposure.
    """
    if series is None:
        return None, ""
    time = series.metadata.exposure
    if section.background_exposure is not None:
        time = np.full(len(series), section.background_exposure)
    if time is None:
        raise UserError(
            f"subtract the background of the sweep '{section.name}'",
            f"{series.source(0)} does not say how long it was exposed",
            "Give background_exposure = SECONDS in its [[sweep]] section.",
        )
    exposure = time * _transmission(section, images, series, beam)
    if beam.background is not None:
        exposure = exposure * beam.background
    metadata = series.metadata
    source = BackgroundSource(
        _reader(section, series),
        metadata.phi,
        metadata.width,
        exposure,
        CountRule(series.markers, floor, ceiling, dead_time, time),
    )
    return source, series.digest()


def _transmission(
    section: SweepOptions, images: ImageSeries, series: ImageSeries, beam: BeamIntensity
) -> float:
    """Transmission for the background: the option, else by the ratio in the headers.

    A monitor sees the beam behind the attenuators: what headers say of these would count twice.
    """
    if section.background_transmission is not None:
        return section.background_transmission
    if beam.background is not None:
        return section.transmission
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
