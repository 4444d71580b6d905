"""Options and a raw file become all that converts its events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ewaldite.crystal.ub import (
    busing_levy,
    hkl_matrix,
    orient,
    orient_by_reflections,
    table_q,
)
from ewaldite.errors import UserError
from ewaldite.io.bifrost.raw_file import RawFile, open_bifrost
from ewaldite.model.quantity import parse_quantity
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.calibration_file import with_calibration
from ewaldite.spectroscopy.converter import Converter, Window
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.instrument import PRIMARY_LENGTH, Instrument
from ewaldite.spectroscopy.mask_options import EventMaskOptions
from ewaldite.spectroscopy.options import (
    RunFileOptions,
    SampleOptions,
    SpectroscopyOptions,
)
from ewaldite.spectroscopy.pixel_mask import PixelRules
from ewaldite.spectroscopy.plain_table import PlainTable
from ewaldite.spectroscopy.pulses import PulseRules
from ewaldite.spectroscopy.rejection import Polygon, Rejection
from ewaldite.spectroscopy.resolve_primary import (
    Discs,
    delay_of,
    resolve_primary,
    turns,
)
from ewaldite.spectroscopy.sample_frame import SampleFrame


def resolve(
    options: SpectroscopyOptions, run: RunFileOptions, raw: RawFile, base: Path
) -> Converter:
    """Make the converter of a raw file.

    Parameters
    ----------
    options:
        The configuration.
    run:
        The part of it that belongs to the file.
    raw:
        The open file; notes are added to it.
    base:
        Folder to which paths refer.

    Raises
    ------
    UserError
        If options and file do not fit together, or one lacks what is needed.
    """
    options = with_calibration(options, base)
    given = options.primary.length
    length = (
        raw.primary_length if given is None else parse_quantity(given, "m", "[primary] length")
    )
    instrument = Instrument.from_triplets(
        options.calibration.calibration().apply(raw.triplets),
        primary_length=length,
        a3=_a3(run, raw),
        a4=_angle(run.a4, "a4") if run.a4 is not None else raw.a4(),
        simple_paths=options.calibration.simple_paths,
    )
    return Converter(
        instrument=instrument,
        primary=resolve_primary(options.primary, Discs.of(raw), length, base),
        sample=sample_frame(options.sample),
        pixels=_pixels(options.mask, base),
        pulses=_pulses(options.mask, raw),
        windows=_windows(options.mask),
        rejection=rejection_of(options.mask),
        source_frames=run.frames == "source",
    )


def resolve_plain(options: SpectroscopyOptions, run: RunFileOptions, base: Path) -> PlainTable:
    """Make what converts a plain table of events.

    Parameters
    ----------
    options, run, base:
        As in :func:`resolve`.

    Raises
    ------
    UserError
        If an option is missing that no file says here.
    """
    options = with_calibration(options, base)
    notes: list[str] = []
    triplets, length = design_triplets(), PRIMARY_LENGTH
    if run.geometry is not None:
        with open_bifrost(base / run.geometry) as raw:
            triplets, length = raw.triplets, raw.primary_length
    else:
        notes.append("the instrument is BIFROST as it was designed")
    if options.primary.length is not None:
        length = parse_quantity(options.primary.length, "m", "[primary] length")
    calibration = options.calibration.calibration()
    instrument = Instrument.from_triplets(
        calibration.apply(triplets),
        primary_length=length,
        a3=_angle(run.a3 or "0 deg", "a3"),
        a4=_angle(run.a4 or "0 deg", "a4"),
    )
    converter = Converter(
        instrument=instrument,
        primary=resolve_primary(options.primary, Discs(run.file, (), notes), length, base),
        sample=sample_frame(options.sample),
        pixels=_pixels(options.mask, base),
        windows=_windows(options.mask),
        rejection=rejection_of(options.mask),
    )
    return PlainTable(base / run.file, triplets, calibration, converter, notes)


def sample_frame(options: SampleOptions) -> SampleFrame | None:
    """Orientation of the crystal; None where the options give no cell.

    Raises
    ------
    UserError
        If the cell is none, or u and v, the reflections, or U say nothing.
    """
    if options.cell is None:
        return None
    b = busing_levy(options.cell)
    if options.orientation is not None:
        u = np.array(options.orientation)
    elif options.reflection:
        one, two = options.reflection
        q = [table_q(r.a3 + options.offset, r.A4) for r in (one, two)]
        u = orient_by_reflections(b, one.hkl, q[0], two.hkl, q[1])
    else:
        u = orient(b, options.u or (), options.v or ())
    return SampleFrame(hkl_matrix(u, b), options.offset, options.cell)


def rejection_of(options: EventMaskOptions) -> Rejection:
    """What is flagged once Q and ω are known."""
    polygons = [Polygon(p.name, p.axes, np.array(p.vertices)) for p in options.polygon]
    rejection = Rejection(
        currat_axe_radius=options.currat_axe,
        order_width=options.higher_orders,
        polygons=tuple(polygons),
    )
    if options.bragg is None:
        return rejection
    return replace(
        rejection, bragg_radius=options.bragg.radius, bragg_width=options.bragg.energy
    )


def _a3(run: RunFileOptions, raw: RawFile) -> TimeLog:
    if run.a3 is None:
        return raw.a3()
    if run.a3 in raw.entry:
        return raw.a3(run.a3)
    if not run.a3.lstrip(" +-.")[:1].isdigit():
        raise UserError(
            f"take the rotation of the sample in {raw.path} from '{run.a3}' ([[run]] a3)",
            "the entry has no such log, and it is no angle",
            "Give the path of a log below the entry, or an angle as '12.5 deg'.",
        )
    return _angle(run.a3, "a3")


def _angle(text: str, name: str) -> TimeLog:
    return TimeLog.constant(parse_quantity(text, "deg", f"[[run]] {name}"))


def _pixels(options: EventMaskOptions, base: Path) -> PixelRules:
    excluded = list(options.pixels)
    if options.file is not None:
        path = base / options.file
        if not path.is_file():
            raise UserError(
                f"read {path} ([mask] file)",
                "there is no such file",
                "See whether its name is right.",
            )
        try:
            excluded += [int(word) for word in path.read_text(encoding="utf-8").split()]
        except (OSError, ValueError) as error:
            raise UserError(
                f"read the pixels of {path}", str(error), "Give detector numbers, one a line."
            ) from error
    return PixelRules(options.tube_ends, tuple(options.dead), tuple(excluded))


def _pulses(options: EventMaskOptions, raw: RawFile) -> PulseRules:
    charge = None
    if raw.charge is None:
        raw.notes.append("no proton charge is logged: no pulse is left out for want of protons")
    else:
        time, value = raw.charge
        charge = TimeLog(_since(time, raw), value, 0.0)
    logs, tolerances = {}, {}
    delay = parse_quantity(options.chopper_delay, "s", "[mask] chopper_delay")
    for chopper in raw.choppers:
        if not turns(chopper):
            continue
        entries, speed = delay_of(chopper), chopper.speed
        if entries is not None and entries[0].size > 1:
            logs[f"{chopper.name} delay"] = TimeLog(_since(entries[0], raw), entries[1], 0.0)
            tolerances[f"{chopper.name} delay"] = delay
        if speed is not None and speed[0].size > 1:
            logs[f"{chopper.name} speed"] = TimeLog(_since(speed[0], raw), speed[1], 0.0)
            tolerances[f"{chopper.name} speed"] = options.chopper_speed
    left_out = np.array(options.times, dtype=np.float64).reshape(-1, 2)
    return PulseRules(charge, options.minimum_charge, logs, tolerances, left_out)


def _since(time: np.ndarray, raw: RawFile) -> np.ndarray:
    return np.asarray((time - raw.reference) * 1e-9, dtype=np.float64)


def _windows(options: EventMaskOptions) -> tuple[Window, ...]:
    windows = []
    for window in options.window:
        where = f"[[mask.window]] {window.name}"
        start = parse_quantity(window.start, "s", f"{where} start")
        stop = parse_quantity(window.stop, "s", f"{where} stop")
        if start >= stop:
            found = f"it starts at {window.start} and stops at {window.stop}"
            raise UserError(f"use {where}", found, "Let it stop after it starts.")
        windows.append(Window(window.name, start, stop))
    return tuple(windows)
