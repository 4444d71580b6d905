"""The workflow of exports to NXspe: one file for every step of the rotation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.io.export.nxspe import NxspeHead, put_spectra, write_nxspe
from ewaldite.model.provenance import installed_version
from ewaldite.run.progress import Progress, SilentProgress
from ewaldite.spectroscopy.export_input import ExportInput
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.spectra import Spectra
from ewaldite.spectroscopy.views import about_y

FloatArray = NDArray[np.float64]


def export_nxspe(
    given: ExportInput, folder: Path, progress: Progress | None = None
) -> list[Path]:
    """Write NXspe files.

    Parameters
    ----------
    given:
        The runs.
    folder:
        Where to; made if absent. Files are called as the raw file with the number of the step.
    progress:
        Is told how far it is.

    Returns
    -------
    :
        The files, in the order of the steps. They appear when all are complete.

    Raises
    ------
    UserError
        If they cannot be written, or an event is of no pixel.
    """
    told = progress or SilentProgress()
    folder.mkdir(parents=True, exist_ok=True)
    names = [
        folder / f"{one.run.raw.path.stem}_{number:04d}.nxspe"
        for one in given.spectra
        for number in range(1, len(one.steps) + 1)
    ]
    with _together(names) as temporary:
        first = 0
        for one in given.spectra:
            mine = temporary[first : first + len(one.steps)]
            first += len(one.steps)
            told.start(
                f"NXspe of {one.run.raw.path.name}", len(one.run.raw.triplets), "triplets"
            )
            for path, angle, tank in zip(mine, one.exposed.a3, one.exposed.a4, strict=True):
                write_nxspe(path, _head(one, float(angle), float(tank), given.unit))
            last = -1
            for block in one.blocks():
                signal, error = block.intensity(given.scale)
                for s in range(len(signal)):
                    path = mine[block.first_step + s]
                    put_spectra(path, block.first_pixel, signal[s], error[s])
                if block.first_pixel != last:
                    told.advance()
                    last = block.first_pixel
            told.finish()
    return names


@contextmanager
def _together(names: list[Path]) -> Iterator[list[Path]]:
    """Temporary names that become the real ones once all are written."""
    hidden = [p.with_name(f".{p.name}.{os.getpid()}.part") for p in names]
    try:
        yield hidden
        for path, name in zip(hidden, names, strict=True):
            os.replace(path, name)
    finally:
        for path in hidden:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _head(one: Spectra, psi: float, tank: float, unit: str) -> NxspeHead:
    instrument = one.run.converter.instrument
    return NxspeHead(
        program="ewaldite",
        version=installed_version(),
        instrument="BIFROST",
        fixed_energy=instrument.final_energy,
        energy=one.ranges.edges,
        psi=psi,
        direction=instrument.direction @ about_y(np.deg2rad(tank)).T,
        distance=instrument.L2,
        width=_width(instrument),
        unit=unit,
    )


def _width(one: Instrument) -> FloatArray:
    """Distance in scattering angle to the neighbours along the tube; dims (pixel), degrees."""
    out = np.zeros(len(one))
    tube = (one.arc * 9 + one.channel) * 3 + one.tube
    same = np.diff(tube) == 0
    step = np.abs(np.diff(one.A4))
    out[:-1][same] = step[same]
    out[1:][same] = np.where(out[1:][same] > 0, (out[1:][same] + step[same]) / 2, step[same])
    return out
