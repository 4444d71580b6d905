"""A run of vanadium, reduced by the code that reduces all runs, to the efficiency of pixels."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.geometry.neutron import energy
from ewaldite.io.nexus import is_result, read_info
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.backend_file import Efficiency, read_efficiency, to_scipp
from ewaldite.spectroscopy.cell_mask import cell_names, masked_cells
from ewaldite.spectroscopy.constant_counts import ConstantCounts, elastic_constant
from ewaldite.spectroscopy.cut_options import VanadiumOptions
from ewaldite.spectroscopy.debye_waller import debye_waller
from ewaldite.spectroscopy.decoded_events import decoded_events
from ewaldite.spectroscopy.flux import Flux
from ewaldite.spectroscopy.flux_at import flux_at_pixels
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.options import (
    RunFileOptions,
    SampleOptions,
    SpectroscopyOptions,
)
from ewaldite.spectroscopy.resolve_primary import Discs, pulse_width
from ewaldite.spectroscopy.run_input import RunInput, open_run
from ewaldite.spectroscopy.self_shielding import (
    VANADIUM,
    cylinder_shielding,
    plate_shielding,
)
from ewaldite.spectroscopy.vanadium import EmptyCan, backend_from_vanadium
from ewaldite.tables import vanadium as table

FloatArray = NDArray[np.float64]

_AVOGADRO = 0.602214076  # 1e24/mol
# Bins of the monitor are joined to intervals of a quarter of this, of the elastic window
_JOINED = 0.16


@dataclass(frozen=True)
class ReducedVanadium:
    """What a vanadium run says of the pixels.

    Attributes
    ----------
    efficiency:
        Of every pixel.
    data:
        The same with counts, flux, corrections and masks, as
        :func:`~ewaldite.spectroscopy.backend_file.to_scipp` names them.
    notes:
        What a user should know.
    """

    efficiency: Efficiency
    data: sc.DataGroup[Any]
    notes: tuple[str, ...]


def efficiency_of(
    options: SpectroscopyOptions, vanadium: VanadiumOptions, base: Path
) -> tuple[Efficiency, tuple[str, ...]]:
    """Efficiency of every pixel from whatever file [vanadium] gives.

    Parameters
    ----------
    options, vanadium, base:
        As those of :func:`reduce_vanadium`.

    Returns
    -------
    :
        That of a ``vanadium.nxs``, read, or that of a raw file, reduced; and what a user should
        know.

    Raises
    ------
    UserError
        As :func:`reduce_vanadium`, or if the file is another result.
    """
    given = base / vanadium.file
    if is_result(given):
        notes = (*read_info(given).provenance.notes, f"vanadium: taken from {vanadium.file}")
        return read_efficiency(given), notes
    made = reduce_vanadium(options, vanadium, base)
    return made.efficiency, made.notes


def reduce_vanadium(
    options: SpectroscopyOptions, vanadium: VanadiumOptions, base: Path
) -> ReducedVanadium:
    """Efficiency of every pixel from the raw files of [vanadium].

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
        The efficiency, with all that it was made of.

    Raises
    ------
    UserError
        As :func:`~ewaldite.spectroscopy.run_input.open_run`, or if no pixel has counts and
        flux.
    """
    with _open(options, vanadium.file, base) as run:
        counts, flux, tank = _elastic(run, vanadium.elastic)
        one, keep = run.converter.instrument, run.keep
        notes = [f"vanadium: {note}" for note in run.raw.notes]
        if cell_names(run.converter):
            middle = (run.start + run.end) / 2
            masked = keep & masked_cells(run.converter, one.k_f[:, None], middle)[:, 0]
            keep &= ~masked
            if masked.any():
                names = ", ".join(cell_names(run.converter))
                notes.append(
                    f"vanadium: {np.count_nonzero(masked)} pixels see the elastic line at "
                    f"times that are masked ({names}), and take no part"
                )
        width = _pulse_width(options, vanadium, run)
        constant = _constant(options, vanadium, run)
    empty = None
    if vanadium.empty is not None:
        with _open(options, vanadium.empty, base) as run:
            below, other, _ = _elastic(run, vanadium.elastic)
            empty = EmptyCan.of(below, flux, other)
            others = _constant(options, vanadium, run)
            if constant is not None and others is not None:
                constant = constant.less(others, empty.ratio)
    momentum = 2.0 * one.k_f * np.abs(np.sin(np.deg2rad(one.A4 + tank) / 2.0))
    shielding = _shielding(vanadium, one, tank)
    debye = debye_waller(momentum, vanadium.temperature)
    made = backend_from_vanadium(
        one.detector_number,
        one.final_energy,
        np.where(keep, counts, 0.0),
        flux,
        shielding=shielding,
        debye=debye,
        atoms=_atoms(vanadium),
        empty=empty,
        constant=constant,
        pulse_width=width,
        elastic_window=vanadium.elastic,
    )
    at = flux_at_pixels(flux, one.final_energy, width, vanadium.elastic).value
    absent = made.value <= 0
    masks = {
        "left_out": ~keep,
        "no_flux": keep & absent & ~np.isfinite(at),
        "few_counts": keep & absent & np.isfinite(at),
    }
    for name, said in (
        ("no_flux", "no flux at their final energy"),
        ("few_counts", "too few counts"),
    ):
        lost = int(np.count_nonzero(masks[name]))
        if lost:
            notes.append(f"vanadium: {lost} pixels have {said}, and take no part")
    if vanadium.shape == "none":
        notes.append("vanadium: no shape is given, its self-shielding is left out")
    efficiency = Efficiency(made, one.final_energy, one.A4)
    columns = {
        "elastic": (counts, "counts"),
        "flux": (at, "counts/angstrom/meV"),
        "self_shielding": (shielding, "dimensionless"),
        "debye_waller": (debye, "dimensionless"),
        "scattering_angle": (one.A4 + tank, "deg"),
    }
    if empty is not None:
        columns["empty"] = (empty.ratio * empty.counts, "counts")
    if constant is not None:
        columns["time_background"] = (constant.total, "counts")
    data = to_scipp(efficiency, columns=columns, masks=masks, instrument=one)
    return ReducedVanadium(efficiency, data, tuple(notes))


def _open(
    options: SpectroscopyOptions, file: Path, base: Path
) -> AbstractContextManager[RunInput]:
    """Open a run of vanadium or its can: without crystal, and masks that need one."""
    plain = options.mask.model_copy(
        update={"bragg": None, "currat_axe": None, "higher_orders": None, "polygon": []}
    )
    bare = options.model_copy(update={"sample": SampleOptions(), "mask": plain})
    return open_run(bare, RunFileOptions(file=file), base)


def _constant(
    options: SpectroscopyOptions, vanadium: VanadiumOptions, run: RunInput
) -> ConstantCounts | None:
    """What of the elastic counts is constant in time, if it is to be subtracted."""
    asked = options.time_background
    if asked is None or not asked.vanadium:
        return None
    return elastic_constant(run, asked, vanadium.elastic)


def _pulse_width(
    options: SpectroscopyOptions, vanadium: VanadiumOptions, run: RunInput
) -> float:
    if vanadium.pulse_width is None:
        return pulse_width(options.primary, Discs.of(run.raw))
    return parse_quantity(vanadium.pulse_width, "s", "[vanadium] pulse_width")


def _atoms(vanadium: VanadiumOptions) -> float | None:
    """Number of vanadium atoms in the beam, 1e24."""
    if vanadium.mass is None:
        return None
    grams = parse_quantity(vanadium.mass, "g", "[vanadium] mass")
    return grams / table.MOLAR_MASS * _AVOGADRO


def _elastic(run: RunInput, window: float) -> tuple[FloatArray, Flux, float]:
    """Elastic counts of every pixel, flux, and mean tank angle of a run."""
    one = run.converter.instrument
    steps = run.steps(360.0)
    total = np.zeros(len(one))
    for _, events in decoded_events(run):
        off = np.abs(energy(events.k_i) - one.final_energy[events.row])
        good = (off <= window) & (steps.at(events.time) >= 0)
        total += np.bincount(events.row[good], minlength=total.size)
    flux = run.reading.flux(steps, window * _JOINED)
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
