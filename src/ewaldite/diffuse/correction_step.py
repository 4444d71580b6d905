"""Step ``correct``: the corrections of every pixel, for the eye and for other programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.step_needs import CORRECTED_PIXELS, correct_need
from ewaldite.diffuse.step_shards import worked_on
from ewaldite.diffuse.sweep_input import SweepInput
from ewaldite.geometry.absorption import PathSegment
from ewaldite.geometry.pixel_corrections import CorrectionSwitches, pixel_corrections
from ewaldite.io.nexus import GroupWriter
from ewaldite.model.experiment import Wedge

_UNITS = {
    "solid_angle": "mrad**2",
    "polarization": "one",
    "efficiency": "one",
    "attenuation": "one",
    "total": "mrad**2",
    "d3s": "1/angstrom**3",
    "s": "1/angstrom",
}
Rows = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Band:
    """Rows of a panel of a sweep.

    Attributes
    ----------
    sweep, panel:
        Numbers.
    first, last:
        Half-open range of rows in the panel.
    """

    sweep: int
    panel: int
    first: int
    last: int


@dataclass(frozen=True)
class SweepCorrections:
    """Makes the corrections of bands of a sweep; plain data.

    Attributes
    ----------
    wedge:
        Its geometry is used.
    width:
        Angle of a frame, degrees.
    sensor_mu, path, switches:
        As of :func:`~ewaldite.geometry.pixel_corrections.pixel_corrections`.
    """

    wedge: Wedge
    width: float
    sensor_mu: float | None
    path: tuple[PathSegment, ...]
    switches: CorrectionSwitches

    def rows(self, band: Band) -> Rows:
        """Images of a band, by name; dims (slow, fast), float32."""
        found = pixel_corrections(
            self.wedge.panels[band.panel],
            self.wedge.beam,
            self.wedge.axis,
            self.width,
            rows=(band.first, band.last),
            sensor_mu=self.sensor_mu,
            path=self.path,
            switches=self.switches,
        )
        made = {name: getattr(found, name) for name in _UNITS if name != "s"}
        made["s"] = np.linalg.norm(found.s, axis=-1)
        return {name: values.astype(np.float32) for name, values in made.items()}


@dataclass(frozen=True)
class CorrectionWork:
    """Makes the corrections of bands of all sweeps; another process may be sent it."""

    sweeps: tuple[SweepCorrections, ...]

    def __call__(self, band: Band) -> Rows:
        """Images of a band."""
        return self.sweeps[band.sweep].rows(band)


def write_corrections(context: Context) -> None:
    """Write ``corrections.nxs``: by sweep, the factors of every pixel in the first wedge.

    The sums of the images use the geometry of each wedge; this file shows what they are. Bands
    of rows are made in parallel.
    """
    bands = all_bands(context)
    with (
        worked_on(
            context,
            "correct",
            bands,
            CorrectionWork(tuple(corrections_of(entry) for entry in context.entries)),
            correct_need(max(int(np.prod(e.sweep.image_shape)) for e in context.entries)),
            unit="bands",
            label=lambda band: f"rows of the sweep '{context.options.sweep[band.sweep].name}'",
        ) as results,
        GroupWriter(context.path("corrections.nxs"), context.provenance()) as writer,
    ):
        made = zip(bands, results, strict=True)
        for number, of_sweep in groupby(made, key=lambda pair: pair[0].sweep):
            entry = context.entries[number]
            writer.put(entry.options.name, assembled(entry, of_sweep))


def all_bands(context: Context) -> list[Band]:
    """Bands of all sweeps, in order."""
    return [band for entry in context.entries for band in bands_of(entry)]


def bands_of(entry: SweepInput) -> list[Band]:
    """Rows of the panels, so many at a time that what is made of them stays small."""
    found = []
    for number, panel in enumerate(entry.sweep.wedges[0].panels):
        height = max(1, CORRECTED_PIXELS // panel.shape[1])
        for first in range(0, panel.shape[0], height):
            last = min(first + height, panel.shape[0])
            found.append(Band(entry.number, number, first, last))
    return found


def corrections_of(entry: SweepInput) -> SweepCorrections:
    """What makes the corrections of a sweep."""
    wedge, resolved = entry.sweep.wedges[0], entry.resolved
    width = float(np.mean(entry.sweep.scan.width[wedge.start : wedge.stop]))
    return SweepCorrections(
        wedge, width, resolved.sensor_mu, tuple(resolved.path), resolved.switches
    )


def assembled(
    entry: SweepInput, bands: Iterable[tuple[Band, Rows]]
) -> sc.DataGroup[sc.Variable]:
    """Images of a sweep from its bands.

    Parameters
    ----------
    entry:
        The sweep.
    bands:
        Each with what was made of it.

    Returns
    -------
    :
        ``solid_angle`` (mrad²), ``polarization``, ``efficiency``, ``attenuation``, their
        product ``total`` (mrad²), ``d3s`` (1/Å³ per frame) and ``s`` (length of the scattering
        vector, 1/Å); dims (slow, fast), float32 (six digits are enough to look at), NaN where
        there is no panel.
    """
    images = {
        name: sc.full(
            sizes=dict(zip(("slow", "fast"), entry.sweep.image_shape, strict=True)),
            value=np.nan,
            unit=unit,
            dtype="float32",
        )
        for name, unit in _UNITS.items()
    }
    for band, rows in bands:
        panel = entry.sweep.wedges[0].panels[band.panel]
        slow = slice(panel.offset[0] + band.first, panel.offset[0] + band.last)
        fast = slice(panel.offset[1], panel.offset[1] + panel.shape[1])
        for name, values in rows.items():
            images[name].values[slow, fast] = values
    return sc.DataGroup(images)
