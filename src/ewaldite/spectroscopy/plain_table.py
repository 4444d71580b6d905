"""A plain table of events: tube, position along it, time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TextIO

import numpy as np
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.geometry.analyser import follow
from ewaldite.geometry.triplet import ARCS, CHANNELS, TUBES, Triplet
from ewaldite.io.bifrost.events import EventSlab
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.calibration import Calibration
from ewaldite.spectroscopy.converter import Converter
from ewaldite.spectroscopy.event_table import EVENT, EventTable
from ewaldite.spectroscopy.instrument import Instrument

COLUMNS, ANGLES = ("tube", "x", "t"), ("a3", "a4")
ENDINGS = (".csv", ".txt", ".dat")
#: Events that are read at once.
BLOCK = 100_000


def is_plain(path: Path) -> bool:
    """Whether a file is a plain table by its ending."""
    return path.suffix.lower() in ENDINGS


@dataclass(frozen=True)
class PlainTable:
    """Events as the seed of BIFROST's reduction has them.

    A text file, its first line the names of columns, separated by commas or blanks: ``tube``,
    the number 27 arc + 9 tube + channel of the tube, each from 0 (as the detector numbers count
    them); ``x`` along it from its middle towards larger A4, m; ``t`` since the pulse, s, up to
    whole periods; and, where they change, ``a3`` and ``a4``, degrees.

    Attributes
    ----------
    path:
        The file.
    triplets:
        Of the instrument, nominal.
    calibration:
        Where they really are.
    converter:
        With the instrument of the calibrated triplets, and angles for a table without them.
    notes:
        What a user should know.
    """

    path: Path
    triplets: Sequence[Triplet]
    calibration: Calibration
    converter: Converter
    notes: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of events."""
        with _opened(self.path) as file:
            return max(sum(1 for line in file if line.strip()) - 1, 0)

    def blocks(self, table: EventTable) -> Iterator[sc.DataArray]:
        """Tables of converted events, in the order of the file.

        Raises
        ------
        UserError
            If a line is no event, or there is none.
        """
        any_read = False
        for values in _read(self.path):
            any_read = True
            yield self._block(values, table)
        if not any_read:
            raise UserError(
                f"read the events of {self.path}", "there are none", "Give a table with some."
            )

    def _block(self, values: dict[str, FloatArray], table: EventTable) -> sc.DataArray:
        size = values["tube"].size
        lone = np.zeros(size)
        a3 = values.get("a3", lone + self.converter.instrument.a3.value[0])
        a4 = values.get("a4", lone + self.converter.instrument.a4.value[0])
        settings, setting = np.unique(np.stack([a3, a4]), axis=1, return_inverse=True)
        whole, pixels = self._instrument(values)
        flags = self.converter.pixel_flags[np.maximum(pixels, 0)]
        parts, order = [], []
        for number in range(settings.shape[1]):
            chosen = np.flatnonzero(setting.ravel() == number)
            angles = [TimeLog.constant(float(angle)) for angle in settings[:, number]]
            converter = replace(
                self.converter,
                instrument=_rows(whole, chosen, angles),
                row_flags=flags[chosen],
            )
            parts.append(_converted(converter, values["t"][chosen], table))
            order.append(chosen)
        places = sc.array(dims=[EVENT], values=np.concatenate(order))
        block = sc.sort(sc.concat(parts, EVENT), places)
        numbers = self.converter.instrument.detector_number[np.maximum(pixels, 0)]
        block.coords["detector_number"] = sc.array(
            dims=[EVENT], values=numbers.astype(np.int32)
        )
        return block

    def _instrument(self, values: dict[str, FloatArray]) -> tuple[Instrument, IntArray]:
        """Follow every event; also the row of the pixel in which it lies."""
        tube = values["tube"].astype(np.int64)
        arc, rest = np.divmod(tube, TUBES * CHANNELS)
        of_triplet, channel = np.divmod(rest, CHANNELS)
        place = {(t.arc, t.channel): n for n, t in enumerate(self.triplets)}
        size = tube.size
        position, direction = np.zeros((size, 3)), np.zeros((size, 3))
        A4, k_f, energy, path, time = (np.zeros(size) for _ in range(5))
        pixels = np.full(size, -1, dtype=np.int64)
        for key in {(int(a), int(c)) for a, c in zip(arc, channel, strict=True)}:
            if key not in place:
                raise UserError(
                    f"convert {self.path}",
                    f"it has events of arc {key[0] + 1}, channel {key[1] + 1}, and the "
                    "instrument does not",
                    "Give a [[run]] geometry that has this triplet.",
                )
            triplet = self.triplets[place[key]]
            here = np.flatnonzero((arc == key[0]) & (channel == key[1]))
            along = values["x"][here]
            position[here] = self.calibration.points(
                self.triplets, place[key], of_triplet[here], along
            )
            flight = follow(position[here], triplet.analyser, triplet.d_spacing)
            direction[here], A4[here], k_f[here] = flight.direction, flight.A4, flight.k_f
            energy[here], path[here], time[here] = flight.energy, flight.path, flight.time
            pixels[here] = self._pixel(triplet, of_triplet[here], along)
        whole = Instrument(
            detector_number=np.arange(size, dtype=np.int64),
            arc=arc,
            channel=channel,
            tube=of_triplet,
            pixel=np.zeros(size, dtype=np.int64),
            position=position,
            direction=direction,
            A4=A4,
            k_f=k_f,
            final_energy=energy,
            L2=path,
            final_time=time,
            primary_length=self.converter.instrument.primary_length,
        )
        return whole, pixels

    def _pixel(self, triplet: Triplet, tube: IntArray, along: FloatArray) -> IntArray:
        count = triplet.position.shape[1]
        ends = triplet.position[0, [0, -1]]
        pitch = np.linalg.norm(ends[1] - ends[0]) / max(count - 1, 1)
        pixel = np.clip(np.floor(along / pitch + count / 2.0), 0, count - 1).astype(np.int64)
        return self.converter.instrument.rows(triplet.detector_number[tube, pixel])


def _rows(whole: Instrument, chosen: IntArray, angles: list[TimeLog]) -> Instrument:
    places = ("arc", "channel", "tube", "pixel", "position")
    flights = ("direction", "A4", "k_f", "final_energy", "L2", "final_time")
    parts = {name: getattr(whole, name)[chosen] for name in (*places, *flights)}
    numbers = np.arange(chosen.size, dtype=np.int64)
    return replace(whole, detector_number=numbers, a3=angles[0], a4=angles[1], **parts)


def _converted(converter: Converter, time: FloatArray, table: EventTable) -> sc.DataArray:
    size = time.size
    slab = EventSlab(
        start=0,
        number=np.arange(size),
        offset=time,
        scale=1.0,
        first_pulse=0,
        index=np.array([0, size]),
    )
    pulse = np.zeros(1)
    events = converter.convert(slab, pulse, converter.pulse_flags(pulse))
    return replace(table, converter=converter).block(events)


def _opened(path: Path) -> TextIO:
    try:
        return path.open(encoding="utf-8")
    except OSError as error:
        found = error.strerror or str(error)
        raise UserError(f"read {path}", found, "See whether its name is right.") from error


def _read(path: Path) -> Iterator[dict[str, FloatArray]]:
    with _opened(path) as file:
        header = file.readline().replace(",", " ").split()
        unknown = sorted(set(header) - {*COLUMNS, *ANGLES})
        if not set(COLUMNS) <= set(header) or unknown:
            raise UserError(
                f"read the events of {path}",
                f"its first line is '{' '.join(header)[:80]}'",
                "Let it name the columns: tube, x (m), t (s), and perhaps a3, a4 (degrees).",
            )
        first = 2
        while lines := list(islice(file, BLOCK)):
            yield _block_of(path, header, lines, first)
            first += len(lines)


def _block_of(
    path: Path, header: list[str], lines: list[str], first: int
) -> dict[str, FloatArray]:
    rows = []
    for number, line in enumerate(lines, start=first):
        words = line.replace(",", " ").split()
        if not words:
            continue
        try:
            row = [float(word) for word in words]
        except ValueError:
            row = []
        if len(row) != len(header) or not np.all(np.isfinite(row)):
            found = f"line {number} is '{line.strip()[:60]}'"
            raise UserError(
                f"read the events of {path}", found, f"Give {len(header)} numbers a line."
            )
        rows.append(row)
    table = np.array(rows).reshape(-1, len(header))
    values = {name: np.ascontiguousarray(table[:, n]) for n, name in enumerate(header)}
    tubes = ARCS * TUBES * CHANNELS
    wrong = (values["tube"] % 1 != 0) | (values["tube"] < 0) | (values["tube"] >= tubes)
    if np.any(wrong) or np.any(np.abs(values["x"]) > 1.0):
        found = (
            f"a tube is {values['tube'][wrong][0]:g}" if np.any(wrong) else "an x is above 1 m"
        )
        raise UserError(
            f"read the events of {path}",
            found,
            f"Tubes count from 0 to {tubes - 1}, and x is in m from the middle of the tube.",
        )
    return values
