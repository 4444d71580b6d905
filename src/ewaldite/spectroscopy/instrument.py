"""The spectrometer: what one needs to know of every pixel, of the way in, and of the angles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipp as sc
from numpy.typing import ArrayLike, NDArray

from ewaldite.errors import UserError
from ewaldite.geometry.analyser import Flight, analyser_frame, follow, simple_path
from ewaldite.geometry.neutron import speed
from ewaldite.geometry.triplet import Triplet
from ewaldite.model.experiment import FloatArray, IntArray
from ewaldite.model.time_log import TimeLog

#: From the source to the sample, m; the file decides.
PRIMARY_LENGTH = 161.99882399465903


@dataclass(frozen=True)
class Instrument:
    """The spectrometer, row by row of its pixels in the order of the file.

    Rows go through the triplets as the file stores them (channel by channel, in each arc by
    arc) and through a triplet tube by tube. Angles and vectors are those at tank angle zero: a
    neutron counted in pixel p when the tank stands at a4 was scattered by ``A4[p] + a4``, into
    the direction R_y(a4)·``direction[p]``.

    Attributes
    ----------
    detector_number:
        dims (row), int64, each number once.
    arc, channel, tube, pixel:
        From 0; dims (row), int64.
    position:
        Where the pixel is, from the sample; dims (row, xyz), m, float64.
    direction:
        Unit vector from the sample to the point of reflection; dims (row, xyz), float64.
    A4:
        Scattering angle about +y; dims (row), degrees, float64.
    k_f:
        dims (row), 1/Å, float64.
    final_energy:
        dims (row), meV, float64.
    L2:
        Path from sample to detector over the analyser; dims (row), m, float64.
    final_time:
        Time on that path; dims (row), s, float64.
    primary_length:
        From the source to the sample, m.
    monitors:
        Distance of each monitor from the source by its name, m.
    a3, a4:
        Sample table and tank, right-handed about +y, against s from the start of the run;
        degrees.
    """

    detector_number: IntArray
    arc: IntArray
    channel: IntArray
    tube: IntArray
    pixel: IntArray
    position: FloatArray
    direction: FloatArray
    A4: FloatArray
    k_f: FloatArray
    final_energy: FloatArray
    L2: FloatArray
    final_time: FloatArray
    primary_length: float = PRIMARY_LENGTH
    monitors: Mapping[str, float] = field(default_factory=dict)
    a3: TimeLog = field(default_factory=lambda: TimeLog.constant(0.0))
    a4: TimeLog = field(default_factory=lambda: TimeLog.constant(0.0))

    @classmethod
    def from_triplets(
        cls,
        triplets: Sequence[Triplet],
        *,
        primary_length: float = PRIMARY_LENGTH,
        monitors: Mapping[str, float] | None = None,
        a3: TimeLog | None = None,
        a4: TimeLog | None = None,
        simple_paths: bool = False,
    ) -> Instrument:
        """Follow the neutrons of every pixel; see :mod:`ewaldite.geometry.analyser`.

        Parameters
        ----------
        triplets:
            In the order of the file; any part of the instrument.
        primary_length:
            m.
        monitors:
            m.
        a3, a4:
            degrees; zero if None.
        simple_paths:
            Whether paths are :func:`~ewaldite.geometry.analyser.simple_path` with the nominal
            distances of the triplet, for comparison.

        Raises
        ------
        UserError
            If there is no triplet, or two pixels have the same number.
        """
        if not triplets:
            raise UserError(
                "set up the instrument",
                "there is no triplet",
                "Give a file with groups channel_C_A_triplet of class NXdetector.",
            )
        flights = [follow(t.position.reshape(-1, 3), t.analyser, t.d_spacing) for t in triplets]
        if simple_paths:
            flights = [_simplified(f, t) for f, t in zip(flights, triplets, strict=True)]
        places = [np.indices(t.detector_number.shape).reshape(2, -1) for t in triplets]
        sizes = [t.detector_number.size for t in triplets]
        number = np.concatenate([t.detector_number.ravel() for t in triplets])
        _check_distinct(number, triplets, sizes)
        return cls(
            detector_number=number.astype(np.int64),
            arc=np.repeat([t.arc for t in triplets], sizes),
            channel=np.repeat([t.channel for t in triplets], sizes),
            tube=np.concatenate([p[0] for p in places]),
            pixel=np.concatenate([p[1] for p in places]),
            position=np.concatenate([t.position.reshape(-1, 3) for t in triplets]),
            direction=np.concatenate([f.direction for f in flights]),
            A4=np.concatenate([f.A4 for f in flights]),
            k_f=np.concatenate([f.k_f for f in flights]),
            final_energy=np.concatenate([f.energy for f in flights]),
            L2=np.concatenate([f.path for f in flights]),
            final_time=np.concatenate([f.time for f in flights]),
            primary_length=primary_length,
            monitors=dict(monitors or {}),
            a3=a3 or TimeLog.constant(0.0),
            a4=a4 or TimeLog.constant(0.0),
        )

    def __len__(self) -> int:
        return int(self.detector_number.size)

    @property
    def row_by_number(self) -> NDArray[np.int32]:
        """Row of every number from 0 to the largest, -1 where no pixel has it; int32."""
        table = np.full(int(self.detector_number.max()) + 1, -1, dtype=np.int32)
        table[self.detector_number] = np.arange(len(self), dtype=np.int32)
        return table

    def rows(self, number: ArrayLike) -> IntArray:
        """Rows of detector numbers.

        Parameters
        ----------
        number:
            dims (...), int.

        Returns
        -------
        :
            dims (...), int64, -1 for a number that no pixel has.
        """
        wanted = np.asarray(number, dtype=np.int64)
        table = self.row_by_number
        known = (wanted >= 0) & (wanted < table.size)
        return np.where(known, table[np.where(known, wanted, 0)], -1).astype(np.int64)

    def turned(self, *, a3: TimeLog | None = None, a4: TimeLog | None = None) -> Instrument:
        """Copy with other angles; those that are None stay."""
        return replace(self, a3=a3 or self.a3, a4=a4 or self.a4)

    def to_scipp(self) -> sc.Dataset:
        """Table of the pixels, dims (row), with units."""
        numbers = ("detector_number", "arc", "channel", "tube", "pixel")
        units = {"A4": "deg", "k_f": "1/angstrom", "final_energy": "meV", "L2": "m"}
        units["final_time"] = "s"
        columns = {
            name: sc.array(dims=["row"], values=getattr(self, name), unit=unit)
            for name, unit in (dict.fromkeys(numbers) | units).items()
        }
        coord = {"detector_number": columns.pop("detector_number")}
        for name, unit in (("position", "m"), ("direction", "one")):
            columns[name] = sc.vectors(dims=["row"], values=getattr(self, name), unit=unit)
        return sc.Dataset(columns, coords=coord)


def _simplified(flight: Flight, triplet: Triplet) -> Flight:
    along = triplet.position.reshape(-1, 3) @ analyser_frame(triplet.analyser)[:, 1]
    onward = float(np.linalg.norm(triplet.centre - triplet.analyser))
    path = simple_path(along, float(np.linalg.norm(triplet.analyser)), onward)
    return replace(flight, path=path, time=path / speed(flight.k_f))


def _check_distinct(
    number: IntArray, triplets: Sequence[Triplet], sizes: Sequence[int]
) -> None:
    order = np.argsort(number, kind="stable")
    same = np.flatnonzero(np.diff(number[order]) == 0)
    if not same.size:
        return
    names = np.repeat([t.name for t in triplets], sizes)
    one, two = order[same[0]], order[same[0] + 1]
    raise UserError(
        "set up the instrument",
        f"detector number {number[one]} is given to a pixel of {names[one]} and to another one "
        f"of {names[two]}",
        "Correct detector_number in the file.",
    )
