"""Images of a simulation as files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ewaldite.io.images.cbf_writer import CbfHeader, write_minicbf
from ewaldite.simulate.experiment import RotationExperiment
from ewaldite.simulate.simulation import Image, Simulation


class Series(NamedTuple):
    """Where the images of a sweep lie.

    Attributes
    ----------
    images, background:
        Templates with ``#`` for digits, relative to the folder; background is None where the
        experiment has none.
    """

    images: str
    background: str | None


def images(simulation: Simulation) -> Iterator[Image]:
    """Draw the frames of the sweep one after another; dims (slow, fast), int32."""
    for i in range(simulation.experiment.frames):
        yield simulation.frame(i)


def cbf_header(
    experiment: RotationExperiment, start: float, width: float, exposure: float
) -> CbfHeader:
    """Return what a Pilatus detector writes about an image; it does not name its sensor.

    ``Beam_xy`` is where the direct beam hits, in pixels from the detector's outer corner.

    Parameters
    ----------
    experiment:
        The experiment.
    start, width:
        Spindle angle at the start of the image and angle swept, degrees.
    exposure:
        Counting time, s.
    """
    detector = experiment.detector
    beam = detector.frame.T @ experiment.s0
    foot = np.array(detector.origin) - 0.5
    hit = foot + beam[:2] * (detector.distance / beam[2] / detector.pixel)
    return CbfHeader(
        start_angle=start,
        angle_increment=width,
        exposure_time=exposure,
        wavelength=experiment.wavelength,
        distance=detector.distance,
        pixel_size=(detector.pixel, detector.pixel),
        beam_centre=(float(hit[0]), float(hit[1])),
        count_cutoff=1048500,
        polarization=experiment.polarization,
        detector="PILATUS simulated",
    )


def write_series(folder: Path, simulation: Simulation, name: str, workers: int = 1) -> Series:
    """Write a sweep and its background as mini-CBF images.

    Parameters
    ----------
    folder:
        Where to; made if absent.
    simulation:
        What to write.
    name:
        First part of the files' names.
    workers:
        Threads; the images are the same for any number.

    Returns
    -------
    :
        Where they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    experiment = simulation.experiment

    def sweep(i: int) -> None:
        header = cbf_header(
            experiment,
            experiment.start + i * experiment.width,
            experiment.width,
            experiment.exposure,
        )
        path = folder / f"{name}_{experiment.first_frame + i:04d}.cbf"
        write_minicbf(path, simulation.frame(i), header)

    def background(j: int) -> None:
        width = experiment.background_width
        header = cbf_header(
            experiment, experiment.start + j * width, width, experiment.background_exposure
        )
        path = folder / f"{name}_background_{j + 1:04d}.cbf"
        write_minicbf(path, simulation.background_frame(j), header)

    _each(sweep, experiment.frames, workers)
    _each(background, experiment.background_frames, workers)
    has_background = experiment.background_frames > 0
    return Series(f"{name}_####.cbf", f"{name}_background_####.cbf" if has_background else None)


def _each(task: Callable[[int], None], count: int, workers: int) -> None:
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(task, i) for i in range(count)]:
            future.result()
