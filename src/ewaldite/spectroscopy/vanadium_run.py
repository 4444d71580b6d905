"""A run of vanadium, reduced by the code that reduces all runs, to the efficiency of pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ewaldite.geometry.neutron import energy
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.cell_mask import cell_names, masked_cells
from ewaldite.spectroscopy.cut_options import VanadiumOptions
from ewaldite.spectroscopy.flux import Flux
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.options import (
    RunFileOptions,
    SampleOptions,
    SpectroscopyOptions,
)
from ewaldite.spectroscopy.resolve_primary import pulse_of
from ewaldite.spectroscopy.run_input import RunInput, open_run
from ewaldite.spectroscopy.self_shielding import (
    VANADIUM,
    cylinder_shielding,
    plate_shielding,
)
from ewaldite.spectroscopy.vanadium import backend_from_vanadium, debye_waller
from ewaldite.tables import vanadium as table

FloatArray = NDArray[np.float64]

_AVOGADRO = 0.602214076  # 1e24/mol


def vanadium_backend(
    options: SpectroscopyOptions, vanadium: VanadiumOptions, base: Path
) -> tuple[Backend, tuple[str, ...]]:
    """Efficiency of every pixel from the files of [vanadium].

    Parameters
    ----------
    options:
        The configuration; masks of hkl and of regions do not apply to vanadium.
    vanadium:
        Its section [vanadium].
    base:
        Folder to which paths refer.

    Returns
    -------
    :
        The efficiency, and what a user should know.

    Raises
    ------
    UserError
        As :func:`~ewaldite.spectroscopy.run_input.open_run`, or if no pixel has counts and
        flux.
    """
    plain = options.mask.model_copy(
        update={"bragg": None, "currat_axe": None, "higher_orders": None, "polygon": []}
    )
    bare = options.model_copy(update={"sample": SampleOptions(), "mask": plain})
    notes: list[str] = []
    with open_run(bare, RunFileOptions(file=vanadium.file), base) as run:
        counts, flux, tank = _elastic(run, vanadium.elastic)
        one, keep = run.converter.instrument, run.keep
        if cell_names(run.converter):
            middle = (run.start + run.end) / 2
            keep &= ~masked_cells(run.converter, one.k_f[:, None], middle)[:, 0]
        notes += [f"vanadium: {note}" for note in run.raw.notes]
    empty, ratio = None, 0.0
    if vanadium.empty is not None:
        with open_run(bare, RunFileOptions(file=vanadium.empty), base) as run:
            empty, other, _ = _elastic(run, vanadium.elastic)
            ratio = float(flux.readings.sum() / other.readings.sum())
    width = pulse_of(options.primary).width
    if vanadium.pulse_width is not None:
        width = parse_quantity(vanadium.pulse_width, "s", "[vanadium] pulse_width")
    atoms = None
    if vanadium.mass is not None:
        grams = parse_quantity(vanadium.mass, "g", "[vanadium] mass")
        atoms = grams / table.MOLAR_MASS * _AVOGADRO
    momentum = 2.0 * one.k_f * np.abs(np.sin(np.deg2rad(one.A4 + tank) / 2.0))
    made = backend_from_vanadium(
        one.detector_number,
        one.final_energy,
        np.where(keep, counts, 0.0),
        flux,
        shielding=_shielding(vanadium, one, tank),
        debye=debye_waller(momentum, vanadium.temperature),
        atoms=atoms,
        empty=empty,
        empty_ratio=ratio,
        pulse_width=width,
        elastic_window=vanadium.elastic,
    )
    lost = int(np.count_nonzero((made.value <= 0) & keep))
    if lost:
        notes.append(f"vanadium: {lost} pixels have no flux or counts, and take no part")
    if vanadium.shape == "none":
        notes.append("vanadium: no shape is given, its self-shielding is left out")
    return made, tuple(notes)


def _elastic(run: RunInput, window: float) -> tuple[FloatArray, Flux, float]:
    """Elastic counts of every pixel, flux, and mean tank angle of a run."""
    one = run.converter.instrument
    steps = run.steps(360.0)
    total = np.zeros(len(one))
    for events in run.events():
        row = np.maximum(events.row, 0)
        off = np.abs(energy(events.k_i) - one.final_energy[row])
        good = (events.flags == 0) & (events.row >= 0) & (off <= window)
        good &= steps.at(events.time) >= 0
        total += np.bincount(row[good], minlength=total.size)
    flux = run.reading.flux(steps, np.inf)
    duration = steps.end - steps.start
    return total, flux, float(np.average(steps.a4, weights=duration))


def _shielding(options: VanadiumOptions, one: Instrument, tank: float) -> FloatArray:
    angle, mu = one.A4 + tank, VANADIUM.attenuation(one.final_energy)
    if options.shape == "cylinder":
        radius = parse_quantity(str(options.radius), "mm", "[vanadium] radius")
        return cylinder_shielding(radius, angle, mu, mu)
    if options.shape == "plate":
        thickness = parse_quantity(str(options.thickness), "mm", "[vanadium] thickness")
        return plate_shielding(thickness, options.normal, angle, mu, mu)
    return np.ones(len(one))
