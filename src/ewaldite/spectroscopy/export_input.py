"""What exports of spectra read: all runs of a configuration, with their vanadium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.neutron import energy
from ewaldite.io.nexus import is_result, read_info
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.backend_file import Efficiency, read_efficiency
from ewaldite.spectroscopy.export_options import ExportOptions
from ewaldite.spectroscopy.options import SpectroscopyOptions
from ewaldite.spectroscopy.pixels import pixels
from ewaldite.spectroscopy.run_input import RunInput, open_run
from ewaldite.spectroscopy.spectra import Ranges, Spectra
from ewaldite.spectroscopy.vanadium_run import reduce_vanadium

_AVOGADRO = 0.602214076  # 1e24/mol
_MOST_RANGES = 10_000


@dataclass(frozen=True)
class ExportInput:
    """All runs, ready to be exported.

    Attributes
    ----------
    spectra:
        Of the runs, in the order of the configuration.
    scale, unit:
        S is this times counts over coverage.
    notes:
        What a user should know; of the files, they grow while events are read.
    """

    spectra: Sequence[Spectra]
    scale: float
    unit: str
    notes: Sequence[str]

    @property
    def events(self) -> int:
        """Number of all events in the files."""
        return sum(one.run.size for one in self.spectra)

    def all_notes(self) -> list[str]:
        """Notes, with those of the files."""
        found = [f"{s.run.raw.path.name}: {n}" for s in self.spectra for n in s.run.raw.notes]
        return list(dict.fromkeys([*self.notes, *found]))


@contextmanager
def open_export(options: SpectroscopyOptions, base: Path) -> Iterator[ExportInput]:
    """Open all runs of a configuration.

    Parameters
    ----------
    options:
        The configuration.
    base:
        Folder to which paths refer.

    Yields
    ------
    :
        The runs.

    Raises
    ------
    UserError
        If there is none, a file cannot be used, or their detectors differ.
    """
    if not options.run:
        raise UserError(
            "export spectra", "the configuration has no [[run]]", "Add a [[run]] with its file."
        )
    efficiency, notes = _efficiency(options, base)
    backend = None if efficiency is None else efficiency.backend
    if options.background is not None:
        notes.append("the empty run of [background] is not subtracted from single pixels")
    if options.time_background is not None:
        notes.append("the constant background of [time_background] stays in single pixels")
    scale, unit = absolute_scale(options, backend)
    with ExitStack() as stack:
        runs = [stack.enter_context(open_run(options, r, base)) for r in options.run]
        _check_same(runs)
        if efficiency is not None:
            first = runs[0]
            notes += efficiency.check(first.converter.instrument, first.raw.path.name)
        yield ExportInput(_spectra(runs, backend, options.export), scale, unit, notes)


def absolute_scale(options: SpectroscopyOptions, backend: Backend | None) -> tuple[float, str]:
    """Factor that makes S absolute, and its unit.

    Parameters
    ----------
    options:
        With the amount of sample.
    backend:
        Absolute with vanadium of known mass.
    """
    if backend is None or backend.unit == "dimensionless":
        return 1.0, "dimensionless"
    if options.normalise.amount is None:
        return 1.0, "cm^2/meV/sr"
    mole = parse_quantity(options.normalise.amount, "mol", "[normalise] amount")
    return 1.0 / (mole * _AVOGADRO), "barn/meV/sr"


def _efficiency(
    options: SpectroscopyOptions, base: Path
) -> tuple[Efficiency | None, list[str]]:
    if options.vanadium is None:
        return None, ["no vanadium: N_b is 1, arcs are not comparable"]
    given = base / options.vanadium.file
    if is_result(given):
        notes = (*read_info(given).provenance.notes, f"vanadium: taken from {given.name}")
        return read_efficiency(given), list(notes)
    made = reduce_vanadium(options, options.vanadium, base)
    return made.efficiency, list(made.notes)


def _check_same(runs: Sequence[RunInput]) -> None:
    first = runs[0].converter.instrument
    for run in runs[1:]:
        other = run.converter.instrument
        if not np.array_equal(other.detector_number, first.detector_number):
            raise UserError(
                f"export {run.raw.path.name} together with {runs[0].raw.path.name}",
                "their detectors are not the same",
                "Export them one by one.",
            )


def _spectra(
    runs: Sequence[RunInput], backend: Backend | None, options: ExportOptions
) -> list[Spectra]:
    steps = [run.steps(options.turn) for run in runs]
    exposed = [run.exposed(s, options.energy_step) for run, s in zip(runs, steps, strict=True)]
    bands = np.array([energy(e.edges[[0, -1]]) for e in exposed])
    ranges = _ranges(options, bands, runs[0].converter.instrument.final_energy)
    found = []
    for run, s, e in zip(runs, steps, exposed, strict=True):
        one = run.converter.instrument
        number = one.detector_number
        efficiency = (backend or Backend.ones(number)).of(number, run.keep)
        pixel = pixels(one.direction, one.k_f, one.final_energy, efficiency)
        found.append(Spectra(run, s, e, pixel, ranges))
    return found


def _ranges(
    options: ExportOptions, bands: NDArray[np.float64], final: NDArray[np.float64]
) -> Ranges:
    step = options.energy_step
    low, high = options.energy or (
        np.floor((bands.min() - final.max()) / step) * step,
        np.ceil((bands.max() - final.min()) / step) * step,
    )
    # an edge lies at zero where the limits are whole steps
    number = int(np.floor((high - low) / step + 1e-6))
    if number > _MOST_RANGES:
        raise UserError(
            "export spectra",
            f"{number:,} ranges of energy transfer would be needed",
            f"Give a larger [export] energy_step than {step:g}.",
        )
    return Ranges(float(low), step, number)
