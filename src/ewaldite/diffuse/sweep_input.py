"""A sweep, opened and checked: images, geometry, exposure, corrections, pixel mask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ewaldite.crystal.cell import cell_from_axes, volume
from ewaldite.diffuse.background import BackgroundSource
from ewaldite.diffuse.count import NO_CEILING
from ewaldite.diffuse.features import FeatureSource, feature_source
from ewaldite.diffuse.options import DiffuseOptions, SweepOptions
from ewaldite.diffuse.resolve import Resolved, resolve_corrections
from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.io.images import ImageSeries, open_images
from ewaldite.model.experiment import FloatArray, Sweep, Wedge


@dataclass(frozen=True)
class SweepInput:
    """All that the reduction of a sweep needs.

    Attributes
    ----------
    number:
        0-based number of the sweep in the configuration.
    options:
        Its section.
    sweep:
        Geometry, with what the options supply.
    images:
        The frames, in the order of the scan.
    exposure:
        Exposure times transmission; dims (frame), s.
    background:
        Where the background of a wedge comes from, or None.
    resolved:
        Corrections with their sources.
    ceiling:
        Counts at or above it are no measurement.
    notes:
        What a user should know.
    """

    number: int
    options: SweepOptions
    sweep: Sweep
    images: ImageSeries
    exposure: FloatArray
    background: BackgroundSource | None
    resolved: Resolved
    ceiling: int
    notes: tuple[str, ...]

    def features(self, wedge: Wedge) -> FeatureSource:
        """Scattering vectors and corrections of the pixels of a wedge."""
        width = float(np.mean(self.sweep.scan.width[wedge.start : wedge.stop]))
        return feature_source(
            wedge,
            self.sweep.image_shape,
            width,
            sensor_mu=self.resolved.sensor_mu,
            path=self.resolved.path,
            switches=self.resolved.switches,
        )

    def phi_range(self, wedge: Wedge) -> tuple[float, float]:
        """Spindle angles that a wedge covers, degrees."""
        part = slice(wedge.start, wedge.stop)
        phi, half = self.sweep.scan.phi[part], np.abs(self.sweep.scan.width[part]) / 2
        return float((phi - half).min()), float((phi + half).max())


def open_sweep(options: DiffuseOptions, number: int, base: Path) -> SweepInput:
    """Open a sweep and check that its parts belong together.

    Parameters
    ----------
    options:
        The whole configuration.
    number:
        Which sweep.
    base:
        Folder to which paths refer.

    Returns
    -------
    :
        The input.

    Raises
    ------
    UserError
        If a file is missing or unreadable, or parts do not belong together.
    """
    section = options.sweep[number]
    images = open_images(
        section.images, base, section.frames, section.exclude, options.integrate.missing
    )
    paths = [section.geometry] if isinstance(section.geometry, str) else section.geometry
    sweep = read_geometry(
        [base / path for path in paths],
        wedge_degrees=options.integrate.wedge_degrees,
        frames=[int(f) for f in images.frames],
        angles=section.phi,
        experiment=section.experiment,
    )
    _check_shape(section, sweep, images)
    sweep, resolved, notes = resolve_corrections(sweep, images.metadata, options.corrections)
    exposure, exposure_notes = _exposure(section, sweep, images)
    ceiling = _ceiling(options, sweep, images)
    return SweepInput(
        number=number,
        options=section,
        sweep=sweep,
        images=images,
        exposure=exposure * section.transmission,
        background=_background(section, base, images, ceiling),
        resolved=resolved,
        ceiling=ceiling,
        notes=(*sweep.notes, *images.notes, *images.metadata.notes, *notes, *exposure_notes),
    )


def _check_shape(section: SweepOptions, sweep: Sweep, images: ImageSeries) -> None:
    if sweep.image_shape != images.shape:
        raise UserError(
            f"reduce the sweep '{section.name}'",
            f"the geometry {section.geometry} is of a detector of {sweep.image_shape[1]} × "
            f"{sweep.image_shape[0]} pixels, but {images.source(0)} has {images.shape[1]} × "
            f"{images.shape[0]}",
            "Give the geometry that was refined with these images.",
        )


def _exposure(
    section: SweepOptions, sweep: Sweep, images: ImageSeries
) -> tuple[FloatArray, list[str]]:
    """Exposure of every frame: the option, the images, the geometry, in this order."""
    count = len(sweep.scan)
    if section.exposure is not None:
        return np.full(count, section.exposure), []
    of_images, of_geometry = images.metadata.exposure, sweep.scan.exposure
    notes = []
    if of_images is not None:
        if of_geometry is not None and np.any(np.abs(of_geometry / of_images - 1) > 0.01):
            notes.append(
                f"exposure: the images of '{section.name}' say {of_images[0]:g} s, the geometry "
                f"{of_geometry[0]:g} s; the images are believed"
            )
        return of_images, notes
    if of_geometry is not None:
        notes.append(f"exposure of '{section.name}' from its geometry: {of_geometry[0]:g} s")
        return of_geometry, notes
    raise UserError(
        f"reduce the sweep '{section.name}'",
        f"neither {images.source(0)} nor {section.geometry} says how long a frame was exposed",
        "Give exposure = SECONDS in its [[sweep]] section.",
    )


def _ceiling(options: DiffuseOptions, sweep: Sweep, images: ImageSeries) -> int:
    """Smallest value that is no count: overload or marker."""
    limits = [NO_CEILING, *images.markers]
    if options.mask.overload is not None:
        limits.append(options.mask.overload)
    elif images.metadata.overload is not None:
        limits.append(images.metadata.overload)
    elif sweep.trusted_range is not None:
        limits.append(sweep.trusted_range[1])
    return min(limits)


def _background(
    section: SweepOptions, base: Path, images: ImageSeries, ceiling: int
) -> BackgroundSource | None:
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
    return BackgroundSource(
        series.read,
        metadata.phi,
        metadata.width,
        exposure * section.background_transmission,
        series.markers,
        ceiling,
    )


def cell_of(wedge: Wedge) -> tuple[FloatArray, float]:
    """Mean cell of a wedge; dims (6), Å and degrees; and its volume, Å³."""
    cell = cell_from_axes(wedge.mean_axes)
    return cell, volume(cell)


def without_frames(wedge: Wedge, bad: set[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions in the scan of the frames of a wedge that can be read; dims (frame)."""
    return np.array([i for i in range(wedge.start, wedge.stop) if i not in bad], dtype=np.int64)
