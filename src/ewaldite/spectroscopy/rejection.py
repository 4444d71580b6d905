"""Second rejection: what events are, once Q and ω are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ewaldite.kernels.event_masks import flag_bragg, flag_currat_axe, flag_order, flag_polygon
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.event_mask import MaskBits
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.primary import Primary
from ewaldite.spectroscopy.sample_frame import SampleFrame
from ewaldite.tables.neutron import HBAR_OVER_MASS, K2_TO_MEV

BRAGG, CURRAT_AXE = "bragg", "currat_axe"
ORDERS = {2: "half_wavelength", 3: "third_wavelength"}
#: What polygons may be drawn over.
AXES = ("h", "k", "l", "Q", "energy_transfer", "incident_energy", "A4")


@dataclass(frozen=True)
class Polygon:
    """A region that is left out.

    Attributes
    ----------
    name:
        Of the mask.
    axes:
        Two of :data:`AXES`; r.l.u., 1/Å, meV, degrees.
    corners:
        dims (corner, 2).
    """

    name: str
    axes: tuple[str, str]
    corners: FloatArray


@dataclass(frozen=True)
class Rejection:
    """What is flagged.

    Attributes
    ----------
    bragg_radius, bragg_width:
        Around whole hkl (1/Å), and largest |ΔE| (meV); None for no such mask.
    currat_axe_radius:
        Around whole hkl of the Bragg scattering that makes the spurion, 1/Å.
    order_width:
        Relative half width in energy around elastic scattering of higher orders.
    polygons:
        Regions of the user.
    """

    bragg_radius: float | None = None
    bragg_width: float = 0.2
    currat_axe_radius: float | None = None
    order_width: float | None = None
    polygons: tuple[Polygon, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Masks that can be set."""
        used = [BRAGG] if self.bragg_radius is not None else []
        used += [CURRAT_AXE] if self.currat_axe_radius is not None else []
        used += list(ORDERS.values()) if self.order_width is not None else []
        return (*used, *(polygon.name for polygon in self.polygons))

    @property
    def needs_hkl(self) -> bool:
        """Whether the orientation of the crystal must be known."""
        radii = (self.bragg_radius, self.currat_axe_radius)
        drawn = {axis for polygon in self.polygons for axis in polygon.axes}
        return any(r is not None for r in radii) or bool(drawn & {"h", "k", "l"})

    def flag(
        self,
        columns: FloatArray,
        row: NDArray[np.int32],
        flags: NDArray[np.uint32],
        *,
        bits: MaskBits,
        instrument: Instrument,
        pixel: FloatArray,
        primary: Primary,
        sample: SampleFrame | None,
    ) -> None:
        """Set the masks of converted events.

        Parameters
        ----------
        columns, row, flags:
            As :func:`~ewaldite.kernels.events.convert_events` leaves them; flags are changed.
        bits:
            Names of masks.
        instrument, pixel, primary, sample:
            What they were converted with.
        """
        hkl, transfer = columns[13:16], columns[5]
        length = primary.sample_distance - primary.reference_distance
        clock = np.array([length, primary.reference_time, primary.frames.period])
        if self.bragg_radius is not None and sample is not None:
            flag_bragg(
                hkl,
                transfer,
                sample.axes,
                self.bragg_radius,
                self.bragg_width,
                int(bits.bit(BRAGG)),
                flags,
            )
        if self.currat_axe_radius is not None and sample is not None:
            flag_currat_axe(
                columns[0],
                columns[3],
                columns[4],
                row,
                pixel,
                instrument.L2,
                clock,
                HBAR_OVER_MASS,
                sample.to_hkl,
                sample.axes,
                self.currat_axe_radius,
                int(bits.bit(CURRAT_AXE)),
                flags,
            )
        if self.order_width is not None:
            for order, name in ORDERS.items():
                flag_order(
                    columns[0],
                    row,
                    pixel,
                    clock,
                    HBAR_OVER_MASS,
                    order,
                    self.order_width,
                    int(bits.bit(name)),
                    flags,
                )
        for polygon in self.polygons:
            x, y = (_axis(name, columns) for name in polygon.axes)
            flag_polygon(x, y, polygon.corners, int(bits.bit(polygon.name)), flags)


def _axis(name: str, columns: FloatArray) -> FloatArray:
    if name == "energy_transfer":
        return np.asarray(columns[5])
    if name == "incident_energy":
        return np.asarray(K2_TO_MEV * columns[1] ** 2)
    if name == "A4":
        return np.asarray(np.rad2deg(columns[6]))
    if name == "Q":
        return np.asarray(np.sqrt(np.sum(columns[7:10] ** 2, axis=0)))
    return np.asarray(columns[13 + "hkl".index(name)])
