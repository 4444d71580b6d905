"""Intensity of the incident beam, frame by frame, by a monitor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ewaldite.diffuse.options import SweepOptions
from ewaldite.errors import UserError
from ewaldite.io.images import ImageSeries
from ewaldite.model.experiment import FloatArray


@dataclass(frozen=True)
class BeamIntensity:
    """Beam that reached the crystal, relative to a reference.

    Attributes
    ----------
    sweep, background:
        Of the frames of the sweep, and of those of its background; dims (frame); None where
        no monitor is used.
    source:
        Where the readings came from; empty without a monitor.
    """

    sweep: FloatArray | None = None
    background: FloatArray | None = None
    source: str = ""


def beam_intensity(
    section: SweepOptions, images: ImageSeries, background: ImageSeries | None, *, skip: bool
) -> BeamIntensity:
    """Decide what the beam was: the options, else the files where they are to be believed.

    A reading is a rate: what the monitor counted in a second of exposure. Only ratios matter,
    so that the unit is free, but it must be one for a sweep and its background. Readings are
    divided by ``monitor_reference``, or by their mean over the sweep, so that an exposure stays
    a time: seconds of the mean beam.

    Parameters
    ----------
    section:
        The sweep's section of the configuration.
    images, background:
        Its images, and those of its background.
    skip:
        Whether frames that cannot be read are skipped: they take the median of the others.

    Returns
    -------
    :
        The intensities.

    Raises
    ------
    UserError
        If a reading is missing, is not above zero, or there is not one a frame.
    """
    mode, own = section.monitor, section.background_monitor
    if mode == "none" or (mode == "auto" and not _both_say(images, background, own)):
        if own is not None:
            raise UserError(
                f"scale the background of the sweep '{section.name}'",
                "background_monitor is given and monitor is not",
                "Give monitor too, in the same unit: a number, one a frame, or 'images'.",
            )
        return BeamIntensity()
    name = "option monitor"
    if isinstance(mode, str):
        name = images.metadata.monitor_name or "images"
        given = _of_images(section, images, "the images", skip=skip)
    else:
        given = _listed(section, "monitor", mode, len(images))
    reference = section.monitor_reference or float(given.mean())
    if background is None:
        return BeamIntensity(given / reference, None, name)
    if own is not None:
        other = _listed(section, "background_monitor", own, len(background))
    elif isinstance(mode, str):
        other = _of_images(section, background, "the background images", skip=False)
    else:
        raise UserError(
            f"scale the background of the sweep '{section.name}'",
            "monitor is given and background_monitor is not",
            "Give background_monitor too, in the same unit: a number, or one a frame.",
        )
    return BeamIntensity(given / reference, other / reference, name)


def _both_say(
    images: ImageSeries, background: ImageSeries | None, own: float | list[float] | None
) -> bool:
    """Whether the files of a sweep and of its background tell readings of one monitor."""
    if background is None or own is not None:
        return False
    one, other = images.metadata, background.metadata
    return one.monitor is not None and one.monitor_name == other.monitor_name


def _listed(
    section: SweepOptions, option: str, given: float | list[float], count: int
) -> FloatArray:
    values = np.asarray(given, dtype=np.float64)
    if values.ndim == 0:
        values = np.full(count, float(values))
    asked = f"use {option} of the sweep '{section.name}'"
    if values.size != count:
        raise UserError(
            asked,
            f"it has {values.size} readings for {count} frames",
            "Give one number, or one for each frame that is used.",
        )
    _check(asked, values, "")
    return values


def _of_images(
    section: SweepOptions, images: ImageSeries, what: str, *, skip: bool
) -> FloatArray:
    asked = f"use the monitor of the sweep '{section.name}'"
    values = images.metadata.monitor
    if values is None:
        raise UserError(
            asked,
            f"{what} ({images.source(0)} …) name none",
            "Give monitor and background_monitor as numbers, or set monitor = 'none'.",
        )
    if skip:
        values = np.where(np.isfinite(values), values, np.nanmedian(values))
    _check(asked, values, f" of {what}")
    return np.asarray(values)


def _check(asked: str, values: FloatArray, of: str) -> None:
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise UserError(
            asked,
            f"the reading of the {bad[0] + 1}. frame{of} is {values[bad[0]]:g} "
            f"({bad.size} of {values.size} are not above zero)",
            "Leave frames without beam out with exclude, or set monitor = 'none'.",
        )
