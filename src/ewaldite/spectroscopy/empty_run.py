"""An empty run, read whole, for the background of all cuts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ewaldite.errors import UserError
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.constant_counts import level_of_run
from ewaldite.spectroscopy.cut_options import BackgroundOptions
from ewaldite.spectroscopy.decoded_events import decoded_events
from ewaldite.spectroscopy.flux import Flux
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.live_time import live_time
from ewaldite.spectroscopy.monitor import Intervals
from ewaldite.spectroscopy.options import RunFileOptions, SpectroscopyOptions
from ewaldite.spectroscopy.run_input import open_run
from ewaldite.spectroscopy.self_shielding import cylinder_transmission
from ewaldite.spectroscopy.time_level import TimeLevel
from ewaldite.tables.vanadium import THERMAL_ENERGY

FloatArray = NDArray[np.float64]

_FLUX = ("counts", "variance", "readings", "absent")
_LEVEL = ("group", "events", "live")
_INTERVALS = ("edges", "of_bin", "time", "duration", "at_sample")


@dataclass(frozen=True)
class EmptyRun:
    """Events and flux of an empty run.

    Attributes
    ----------
    pixel, k_i:
        In order of k_i; dims (event), int32 and 1/Å.
    flux:
        Of the whole run.
    factor:
        What the sample lets through; dims (pixel).
    detector_number:
        Which pixels these are; dims (pixel).
    live:
        Time in which an event of a pixel has an energy of a reading of the monitor; dims
        (reading), s.
    level:
        Events in forbidden time by groups of pixels, with the time for them; None where a
        constant background stays in it.
    """

    pixel: NDArray[np.int32]
    k_i: FloatArray
    flux: Flux
    factor: FloatArray
    detector_number: NDArray[np.int64]
    live: FloatArray
    level: TimeLevel | None = None

    def check(self, instrument: Instrument, name: str) -> None:
        """Refuse another instrument than that of the sample's run.

        Raises
        ------
        UserError
            If the detectors are not the same.
        """
        if not np.array_equal(self.detector_number, instrument.detector_number):
            raise UserError(
                f"subtract the empty run from {name}",
                "their detectors are not the same",
                "Give an empty run of the same triplets as [background] file.",
            )

    def save(self, path: Path) -> None:
        """Write it to an NPZ file."""
        arrays: dict[str, Any] = {
            "pixel": self.pixel, "k_i": self.k_i, "factor": self.factor,
            "detector_number": self.detector_number, "shared": np.array(self.flux.shared),
            "live": self.live,
        }  # fmt: skip
        arrays |= {f"flux/{name}": getattr(self.flux, name) for name in _FLUX}
        arrays |= {
            f"intervals/{name}": getattr(self.flux.intervals, name) for name in _INTERVALS
        }
        if self.level is not None:
            arrays |= {f"level/{name}": getattr(self.level, name) for name in _LEVEL}
        with path.open("wb") as stream:
            np.savez(stream, **arrays)


def load_empty(path: Path) -> EmptyRun:
    """Read what :meth:`EmptyRun.save` wrote."""
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        flux = Flux(
            Intervals(**{name: content[f"intervals/{name}"] for name in _INTERVALS}),
            shared=bool(content["shared"]),
            **{name: content[f"flux/{name}"] for name in _FLUX},
        )
        level = None
        if "level/group" in content:
            level = TimeLevel(places={}, **{n: content[f"level/{n}"] for n in _LEVEL})
        own = {name: content[name] for name in ("factor", "detector_number", "live")}
        return EmptyRun(content["pixel"], content["k_i"], flux, **own, level=level)


def read_empty(
    options: SpectroscopyOptions, background: BackgroundOptions, base: Path
) -> EmptyRun:
    """Read an empty run; 12 bytes an event stay in memory.

    Parameters
    ----------
    options:
        The configuration. Masks are those of the cells of the sample's run, so none of hkl and
        regions is asked for here.
    background:
        Its section [background].
    base:
        Folder to which paths refer.

    Returns
    -------
    :
        The run.

    Raises
    ------
    UserError
        If the file cannot be used, or its tank stood elsewhere at different times.
    """
    plain = options.mask.model_copy(
        update={"bragg": None, "currat_axe": None, "higher_orders": None, "polygon": []}
    )
    bare = options.model_copy(update={"mask": plain})
    rows, k_i = [], []
    with open_run(bare, RunFileOptions(file=background.file), base) as run:
        steps = run.steps(360.0)
        if np.ptp(steps.a4) > 0.01:
            raise UserError(
                f"use {background.file} as background",
                f"its tank stands at {steps.a4.min():g} to {steps.a4.max():g} degrees",
                "Give a run with the tank at one angle, that of the sample's run.",
            )
        for _, events in decoded_events(run):
            good = steps.at(events.time) >= 0
            rows.append(events.row[good])
            k_i.append(events.k_i[good])
        flux = run.reading.flux(steps, np.inf)
        one = run.converter.instrument
        live = live_time(flux.intervals, run.converter.primary, run.pulses, steps).sum(axis=0)
        asked = options.time_background
        level = None if asked is None else level_of_run(run, asked)
        factor = np.full(len(one), background.transmission)
        if background.radius is not None:
            radius = parse_quantity(background.radius, "mm", "[background] radius")
            mu = parse_quantity(str(background.attenuation), "1/mm", "[background] attenuation")
            slow = mu * np.sqrt(THERMAL_ENERGY / one.final_energy)
            factor *= cylinder_transmission(radius, one.A4 + steps.a4[0], slow, slow)
    row, wavenumber = np.concatenate(rows), np.concatenate(k_i)
    order = np.argsort(wavenumber, kind="stable")
    return EmptyRun(
        row[order], wavenumber[order], flux, factor, one.detector_number, live, level
    )
