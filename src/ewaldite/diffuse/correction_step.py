"""Step ``correct``: the corrections of every pixel, for the eye and for other programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipp as sc

from ewaldite.diffuse.context import Context
from ewaldite.diffuse.sweep_input import SweepInput
from ewaldite.geometry.pixel_corrections import PixelCorrections, pixel_corrections
from ewaldite.io.nexus import GroupWriter
from ewaldite.model.experiment import Panel

_PIXELS = 1 << 18
_UNITS = {
    "solid_angle": "mrad**2",
    "polarization": "one",
    "efficiency": "one",
    "attenuation": "one",
    "total": "mrad**2",
    "d3s": "1/angstrom**3",
}


def write_corrections(context: Context) -> None:
    """Write ``corrections.nxs``: by sweep, the factors of every pixel in the first wedge.

    The sums of the images use the geometry of each wedge; this file shows what they are.
    """
    with GroupWriter(context.path("corrections.nxs"), context.provenance()) as writer:
        for entry in context.entries:
            writer.put(entry.options.name, correction_images(entry))


def correction_images(entry: SweepInput) -> sc.DataGroup[sc.Variable]:
    """Corrections of the pixels of a sweep, as images.

    Parameters
    ----------
    entry:
        The sweep.

    Returns
    -------
    :
        ``solid_angle`` (mrad²), ``polarization``, ``efficiency``, ``attenuation``, their
        product ``total`` (mrad²), ``d3s`` (1/Å³ per frame) and ``s`` (length of the scattering
        vector, 1/Å); dims (slow, fast), float32 (six digits
        are enough to look at), NaN where there is no panel.
    """
    wedge, shape = entry.sweep.wedges[0], entry.sweep.image_shape
    out = {name: np.full(shape, np.nan, dtype=np.float32) for name in (*_UNITS, "s")}
    width = float(np.mean(entry.sweep.scan.width[wedge.start : wedge.stop]))
    for panel, first, last in _bands(wedge.panels):
        found: PixelCorrections = pixel_corrections(
            panel,
            wedge.beam,
            wedge.axis,
            width,
            rows=(first, last),
            sensor_mu=entry.resolved.sensor_mu,
            path=entry.resolved.path,
            switches=entry.resolved.switches,
        )
        rows = slice(panel.offset[0] + first, panel.offset[0] + last)
        columns = slice(panel.offset[1], panel.offset[1] + panel.shape[1])
        for name in _UNITS:
            out[name][rows, columns] = getattr(found, name)
        out["s"][rows, columns] = np.linalg.norm(found.s, axis=-1)
    units = {**_UNITS, "s": "1/angstrom"}
    return sc.DataGroup(
        {
            name: sc.array(dims=["slow", "fast"], values=values, unit=units[name])
            for name, values in out.items()
        }
    )


def _bands(panels: Sequence[Panel]) -> Iterator[tuple[Panel, int, int]]:
    """Rows of the panels, so many at a time that what is made of them stays small."""
    for panel in panels:
        height = max(1, _PIXELS // panel.shape[1])
        for first in range(0, panel.shape[0], height):
            yield panel, first, min(first + height, panel.shape[0])
