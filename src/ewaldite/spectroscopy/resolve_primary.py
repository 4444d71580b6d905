"""Options and choppers of a file become the way in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.io.bifrost.components import Entries, RawChopper
from ewaldite.io.bifrost.raw_file import RawFile
from ewaldite.io.nexus import load
from ewaldite.model.quantity import parse_quantity
from ewaldite.spectroscopy.chopper import Chopper, Pulse
from ewaldite.spectroscopy.frames import Frames, frames_of
from ewaldite.spectroscopy.lookup_table import curve_at
from ewaldite.spectroscopy.options import PrimaryOptions
from ewaldite.spectroscopy.primary import (
    PULSE_SHAPING,
    Primary,
    common_opening,
    frames_behind,
    from_table,
    opening_width,
    parked,
    spinning,
)


@dataclass(frozen=True)
class Discs:
    """Choppers of a file, with its name for messages.

    Attributes
    ----------
    path:
        The file.
    choppers:
        In the order in which neutrons meet them.
    notes:
        What a user should know of them; grows.
    """

    path: Path
    choppers: tuple[RawChopper, ...]
    notes: list[str]

    @classmethod
    def of(cls, raw: RawFile) -> Discs:
        """Of a raw file."""
        return cls(raw.path, raw.choppers, raw.notes)


#: Discs slower than this (Hz) stand.
STANDING = 0.1


def resolve_primary(options: PrimaryOptions, raw: Discs, length: float, base: Path) -> Primary:
    """The way in, by the options and, where they leave it open, by the choppers.

    Parameters
    ----------
    options:
        The section [primary].
    raw:
        Choppers of the file; notes are added to them.
    length:
        From the source to the sample, m.
    base:
        Folder to which paths refer.

    Raises
    ------
    UserError
        If something is needed that neither options nor file say.
    """
    pulse = pulse_of(options)
    if options.mode == "parked":
        return parked(length, pulse.mean, _frames(options, raw, length, pulse))
    if options.mode == "spinning":
        frames = _frames(options, raw, length, pulse)
        if options.psc_time is not None:
            time = _seconds(options.psc_time, "psc_time")
            time += _late(options, "chopper_offset")
            distance = parse_quantity(str(options.psc_distance), "m", "[primary] psc_distance")
        else:
            choppers = choppers_of(raw, options, "spinning")
            try:
                distance, time = common_opening(pulse, choppers, options.wavelengths)
            except UserError as error:
                asked = f"{error.asked} in {raw.path}"
                raise UserError(asked, error.found, error.remedy) from error
        return spinning(length, distance, time, frames)
    if options.table is not None:
        return _loaded(options, raw, length, pulse, base)
    earliest = _optional(options.earliest_at_sample, "earliest_at_sample")
    choppers = choppers_of(raw, options, "table")
    return from_table(
        length, pulse, choppers, wavelengths=options.wavelengths, earliest=earliest
    )


def pulse_width(options: PrimaryOptions, raw: Discs) -> float:
    """How long the pulse is that the flight times begin with, s.

    With spinning pulse-shaping choppers it is what they let through, where their logs say it;
    else the pulse of the source.

    Parameters
    ----------
    options:
        The section [primary].
    raw:
        Choppers of the file; notes are added to them.
    """
    pulse = pulse_of(options)
    if options.mode != "spinning":
        return pulse.width
    try:
        discs = choppers_of(raw, options, "spinning")
        return min(opening_width(pulse, discs, options.wavelengths), pulse.width)
    except (UserError, ValueError) as error:
        why = error.found if isinstance(error, UserError) else "none is of pulse shaping"
        raw.notes.append(
            f"the opening of the pulse-shaping choppers is not known ({why}): pixels within "
            "[primary] tau of an end of the band are left out; see [vanadium] pulse_width"
        )
        return pulse.width


def pulse_of(options: PrimaryOptions) -> Pulse:
    """The pulse of the source; a given mean time of emission moves it as a whole."""
    start, rise, width = (
        _seconds(getattr(options, name), name) for name in ("t0", "t_rise", "tau")
    )
    pulse = Pulse(start, rise, width)
    if options.emission_time is not None:
        mean = _seconds(options.emission_time, "emission_time")
        pulse = replace(pulse, start=start + mean - pulse.mean)
    offset = _late(options, "source_offset")
    return replace(pulse, start=pulse.start + offset)


def choppers_of(raw: Discs, options: PrimaryOptions, mode: str) -> tuple[Chopper, ...]:
    """Discs that turn, in the order in which neutrons meet them; parked ones stand open.

    Raises
    ------
    UserError
        If a disc has no log of its speed, or none of its delay or phase, or no slits.
    """
    offset = _late(options, "chopper_offset")
    found = []
    for disc in raw.choppers:
        if mode == "parked" and disc.name.startswith(PULSE_SHAPING):
            continue
        if disc.speed is None:
            raise UserError(
                f"use the choppers of {raw.path} ([primary] mode = '{mode}')",
                f"{disc.name} has no log of its speed (rotation_speed)",
                "Give psc_time, psc_distance and earliest_at_sample, or mode = 'parked'.",
            )
        if not turns(disc):
            continue
        entries = delay_of(disc)
        if entries is None or not disc.slits.size:
            lacks = "delay or phase" if entries is None else "slit_edges"
            raise UserError(
                f"use the choppers of {raw.path} ([primary] mode = '{mode}')",
                f"{disc.name} turns and has no {lacks}",
                "Give psc_time, psc_distance and earliest_at_sample, or mode = 'parked'.",
            )
        frequency = float(np.median(disc.speed[1]))
        delay = float(np.median(entries[1])) + offset
        found.append(Chopper(disc.name, disc.distance, frequency, delay, disc.slits, disc.beam))
    return tuple(found)


def turns(disc: RawChopper) -> bool:
    """Whether a disc turns."""
    return disc.speed is not None and abs(float(np.median(disc.speed[1]))) > STANDING


def delay_of(disc: RawChopper) -> Entries | None:
    """Log of the delay of a disc, from its phase where that is what is logged; s."""
    if disc.delay is not None or disc.phase is None or disc.speed is None:
        return disc.delay
    frequency = float(np.median(disc.speed[1]))
    return disc.phase[0], np.asarray(disc.phase[1] / (360.0 * frequency))


def _frames(options: PrimaryOptions, raw: Discs, length: float, pulse: Pulse) -> Frames:
    """Frames by the options, else by choppers that confine the band."""
    if options.earliest_at_sample is not None:
        earliest = _seconds(options.earliest_at_sample, "earliest_at_sample")
        if options.latest_at_sample is None:
            return Frames(earliest)
        latest = _seconds(options.latest_at_sample, "latest_at_sample")
        if latest <= earliest:
            raise UserError(
                "use [primary] latest_at_sample",
                f"{options.latest_at_sample} is not after {options.earliest_at_sample}",
                "Give the last arrival at the sample.",
            )
        return frames_of([(earliest, latest)], earliest=earliest)
    band = [disc for disc in raw.choppers if not disc.name.startswith(PULSE_SHAPING)]
    if not any(turns(disc) for disc in band):
        raise UserError(
            f"tell which pulse the neutrons of {raw.path} came from",
            "no chopper that turns says when they arrive at the sample",
            "Give [primary] earliest_at_sample, the first arrival there, as in '143 ms'.",
        )
    choppers = choppers_of(raw, options, options.mode)
    return frames_behind(length, pulse, choppers, options.wavelengths)


def _loaded(
    options: PrimaryOptions, raw: Discs, length: float, pulse: Pulse, base: Path
) -> Primary:
    table = load(base / str(options.table))
    if not isinstance(table, sc.DataArray):
        raise UserError(
            f"use the lookup table {options.table}",
            "it holds no array",
            "Give one that ewaldite wrote, with dims (distance, time).",
        )
    curve = curve_at(table, length)
    curve[0] += _time_zero(options)
    known = curve[0, np.isfinite(curve[1])]
    if not known.size:
        found = f"it holds no wavelength at {length:.3f} m"
        raise UserError(f"use the lookup table {options.table}", found, "Compute it anew.")
    earliest = _optional(options.earliest_at_sample, "earliest_at_sample")
    frames = frames_of([(float(known[0]), float(known[-1]))], earliest=earliest)
    raw.notes.append(f"wavelengths are those of {options.table}")
    return Primary(length, 0.0, pulse.mean, frames, curve)


def _seconds(text: str, name: str) -> float:
    return parse_quantity(text, "s", f"[primary] {name}")


def _late(options: PrimaryOptions, name: str) -> float:
    """An offset of its own and the time zero of all, s."""
    return _seconds(getattr(options, name), name) + _time_zero(options)


def _time_zero(options: PrimaryOptions) -> float:
    return _optional(options.time_zero, "time_zero") or 0.0


def _optional(text: str | None, name: str) -> float | None:
    return None if text is None else _seconds(text, name)
