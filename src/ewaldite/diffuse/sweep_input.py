"""A sweep, opened and checked: images, geometry, exposure, corrections, pixel mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ewaldite.crystal.cell import cell_from_axes, volume
from ewaldite.diffuse.background import BackgroundSource
from ewaldite.diffuse.dead_time import DeadTime
from ewaldite.diffuse.features import FeatureSource, feature_source
from ewaldite.diffuse.options import DiffuseOptions, SweepOptions
from ewaldite.diffuse.resolve import Resolved, resolve_corrections
from ewaldite.diffuse.sample_frames import SampleFrames
from ewaldite.diffuse.sweep_background import background_images, open_background
from ewaldite.diffuse.sweep_counts import count_limits, dead_time_of
from ewaldite.diffuse.sweep_exposure import frame_exposure
from ewaldite.diffuse.sweep_monitor import beam_intensity
from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.io.images import FrameError, ImageSeries, open_images
from ewaldite.io.images.series import Image
from ewaldite.model.experiment import FloatArray, Sweep, Wedge

_LEAST_DISTANCE = 1e-3  # mm


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
    time:
        Time during which photons were counted; dims (frame), s.
    exposure:
        Time times transmission and relative intensity of the beam; dims (frame), s.
    background:
        Where the background of a wedge comes from, or None.
    background_digest:
        What tells its files from others; empty without a background.
    resolved:
        Corrections with their sources.
    floor, ceiling:
        Counts below the one, and at or above the other, are no measurement.
    dead_time:
        What counts are corrected for, or None.
    skip:
        Whether frames that cannot be read are skipped.
    notes:
        What a user should know.
    """

    number: int
    options: SweepOptions
    sweep: Sweep
    images: ImageSeries
    time: FloatArray
    exposure: FloatArray
    background: BackgroundSource | None
    background_digest: str
    resolved: Resolved
    floor: int
    ceiling: int
    dead_time: DeadTime | None
    skip: bool
    notes: tuple[str, ...]

    @cached_property
    def samples(self) -> SampleFrames:
        """A few frames, kept from the plan until the pass over the images begins."""
        return SampleFrames(self.sample, self.images.markers, len(self.images))

    def sample(self, position: int) -> Image:
        """Look at one frame: the next that can be read, where unreadable ones are skipped.

        Parameters
        ----------
        position:
            0-based position in the sweep.

        Returns
        -------
        :
            dims (slow, fast), counts.

        Raises
        ------
        FrameError
            If it cannot be read and is not to be skipped.
        UserError
            If no frame can be read.
        """
        count = len(self.images)
        for at in (*range(position, count), *range(position)):
            try:
                return self.images.read(at)
            except FrameError:
                if not self.skip:
                    raise
        raise UserError(
            f"read the images of the sweep '{self.options.name}'",
            f"none of its {count} frames can be read, {self.images.source(0)} and all others",
            "Restore the files from their source.",
        )

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
    # Of a wedge that is left out as a whole the other frames still say what they can
    skip = options.integrate.missing == "skip" or options.run.failures == "skip"
    images = open_images(
        section.images, base, section.frames, section.exclude, options.integrate.missing
    )
    given = [section.geometry] if isinstance(section.geometry, str) else section.geometry
    paths = [base / path for path in given]
    sweep = read_geometry(
        paths,
        wedge_degrees=options.integrate.wedge_degrees,
        frames=[int(f) for f in images.frames],
        angles=section.phi,
        experiment=section.experiment,
    )
    sweep = _as_stills(section, sweep, images)
    _check_detector(section, sweep, images)
    sweep, resolved, notes = resolve_corrections(sweep, images.metadata, options.corrections)
    time, exposure_notes = frame_exposure(section, sweep, images, skip=skip)
    floor, ceiling = count_limits(options, sweep, images)
    dead_time = dead_time_of(options, images.metadata)
    empty = background_images(section, base, images)
    beam = beam_intensity(section, images, empty, skip=skip)
    background, background_digest = open_background(
        section, images, empty, beam, floor=floor, ceiling=ceiling, dead_time=dead_time
    )
    exposure = time * section.transmission
    if beam.sweep is not None:
        exposure = exposure * beam.sweep
        resolved.sources["beam monitor"] = beam.source
    if dead_time is not None:
        resolved.sources["dead time"] = f"{dead_time.tau:g} s, {dead_time.model}"
    return SweepInput(
        number=number,
        options=section,
        sweep=sweep,
        images=images,
        time=time,
        exposure=exposure,
        background=background,
        background_digest=background_digest,
        resolved=resolved,
        floor=floor,
        ceiling=ceiling,
        dead_time=dead_time,
        skip=skip,
        notes=(
            *sweep.notes,
            *images.notes,
            *images.metadata.notes,
            *notes,
            *exposure_notes,
            *_without_image(section, paths, images),
        ),
    )


def _without_image(section: SweepOptions, paths: list[Path], images: ImageSeries) -> list[str]:
    """Say which frames of the geometry have no image, where the user did not choose frames.

    Gaps between images are told by the series; what is lost at its ends the geometry knows.
    """
    if section.frames is not None or section.phi is not None:
        return []
    try:
        described = read_geometry(paths, experiment=section.experiment).scan.frames
    except UserError:
        return []  # it names no frames of its own
    present = {*(int(f) for f in images.frames), *images.missing, *section.exclude}
    lost = sorted(int(f) for f in described if int(f) not in present)
    if not lost:
        return []
    return [
        f"{len(lost)} of the {len(described)} frames that the geometry {section.geometry} "
        f"describes ({lost[0]} to {lost[-1]}) have no image in {section.images}"
    ]


def _as_stills(section: SweepOptions, sweep: Sweep, images: ImageSeries) -> Sweep:
    """Geometry without swept angle, where the images or given angles say that they are stills.

    A program that indexed stills as a sweep gives them a width that they do not have.
    """
    width = images.metadata.width
    still = width is not None and not np.any(width)
    if not (still or section.phi is not None) or not np.any(sweep.scan.width):
        return sweep
    note = f"the images of '{section.name}' are stills: they sweep no volume"
    scan = replace(sweep.scan, width=np.zeros(len(sweep.scan)))
    return replace(sweep, scan=scan, notes=(*sweep.notes, note))


def _check_detector(section: SweepOptions, sweep: Sweep, images: ImageSeries) -> None:
    nearest = min(abs(p.distance) for wedge in sweep.wedges for p in wedge.panels)
    if not nearest > _LEAST_DISTANCE:
        raise UserError(
            f"reduce the sweep '{section.name}'",
            f"the geometry {section.geometry} has a detector at {nearest:g} mm from the sample",
            "Mend the distance in the file, or refine the geometry again.",
        )
    if sweep.image_shape != images.shape:
        raise UserError(
            f"reduce the sweep '{section.name}'",
            f"the geometry {section.geometry} is of a detector of {sweep.image_shape[1]} × "
            f"{sweep.image_shape[0]} pixels, but {images.source(0)} has {images.shape[1]} × "
            f"{images.shape[0]}",
            "Give the geometry that was refined with these images.",
        )


def cell_of(wedge: Wedge) -> tuple[FloatArray, float]:
    """Mean cell of a wedge; dims (6), Å and degrees; and its volume, Å³."""
    cell = cell_from_axes(wedge.mean_axes)
    return cell, volume(cell)


def without_frames(wedge: Wedge, bad: set[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Positions in the scan of the frames of a wedge that can be read; dims (frame)."""
    return np.array([i for i in range(wedge.start, wedge.stop) if i not in bad], dtype=np.int64)
