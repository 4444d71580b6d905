"""Converted events as a table with units, a column a quantity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.backend import Backend
from ewaldite.spectroscopy.converted import Converted
from ewaldite.spectroscopy.converter import Converter
from ewaldite.tables.neutron import HBAR_OVER_MASS, K2_TO_MEV

EMPTY_MONITOR = "monitor_empty"
NO_EFFICIENCY = "no_efficiency"
EVENT = "event"


@dataclass(frozen=True)
class MonitorWeight:
    r"""Flux of the incident beam, as a monitor counted it in the run.

    .. math:: N_f = k_i\, I_m(T_m), \qquad T_m = t_s - \Delta x / v_i

    with the counts :math:`I_m` of the bin at :math:`T_m`, folded into the monitor's frame. The
    monitor counts with 1/v, hence k_i.

    Attributes
    ----------
    edges:
        Of bins, in the monitor's frame; dims (bin + 1), s.
    counts:
        dims (bin).
    upstream:
        Δx from monitor to sample, m.
    period:
        s.
    empty:
        Bins below this fraction of the fullest are no flux.
    """

    edges: FloatArray
    counts: FloatArray
    upstream: float
    period: float
    empty: float = 0.01

    def at(
        self, time_at_sample: FloatArray, k_i: FloatArray
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Weights of events.

        Parameters
        ----------
        time_at_sample:
            dims (event), s.
        k_i:
            dims (event), 1/Å.

        Returns
        -------
        :
            N_f, dims (event), counts/Å; and whether its bin is as good as empty.
        """
        with np.errstate(invalid="ignore"):
            when = time_at_sample - self.upstream / (HBAR_OVER_MASS * k_i)
        when = np.mod(when - self.edges[0], self.period) + self.edges[0]
        found = np.searchsorted(self.edges, when, side="right") - 1
        known = (found >= 0) & (found < self.counts.size)
        counts = np.where(known, self.counts[np.where(known, found, 0)], 0.0)
        return counts * k_i, counts <= self.empty * float(self.counts.max(initial=0.0))


@dataclass(frozen=True)
class EventTable:
    """Makes tables of converted events.

    Attributes
    ----------
    converter:
        What converts them.
    backend:
        N_b of every pixel of the instrument, in its order; None for 1.
    monitor:
        Weights, None for no such column.
    """

    converter: Converter
    backend: Backend | None = None
    monitor: MonitorWeight | None = None

    @property
    def mask_names(self) -> tuple[str, ...]:
        """Masks of the table."""
        names = list(self.converter.bits.names)
        names += [] if self.monitor is None else [EMPTY_MONITOR]
        names += [] if self.backend is None else [NO_EFFICIENCY]
        return tuple(names)

    def block(self, events: Converted) -> sc.DataArray:
        """Make the table of some events.

        Parameters
        ----------
        events:
            Converted in full.

        Returns
        -------
        :
            One count each, variance 1; dims (event), with coordinates detector_number,
            time_at_sample, final_wavelength, final_speed, final_energy, incident_energy,
            energy_transfer, k_i, k_f, A4, secondary_path, Q_lab, Q_table, a3, a4, N_b, and hkl
            with a crystal, monitor_weight with a monitor; masks by name. What an event of an
            unknown pixel lacks is not a number, nor is N_b where vanadium gives none.
        """
        one = self.converter.instrument
        row = events.row

        def of_pixel(values: FloatArray) -> FloatArray:
            return np.where(row >= 0, values[row], np.nan)

        k_f = of_pixel(one.k_f)
        number = np.where(row >= 0, one.detector_number[row], 0)
        n_b, unit_of_n_b = np.ones(len(one)), "one"
        if self.backend is not None:
            value = self.backend.value
            n_b, unit_of_n_b = np.where(value > 0, value, np.nan), self.backend.unit
        columns = {
            "time_at_sample": (events.time_at_sample, "s"),
            "final_wavelength": (2.0 * np.pi / k_f, "angstrom"),
            "final_speed": (HBAR_OVER_MASS * k_f, "m/s"),
            "final_energy": (of_pixel(one.final_energy), "meV"),
            "incident_energy": (K2_TO_MEV * events.k_i**2, "meV"),
            "energy_transfer": (events.energy_transfer, "meV"),
            "k_i": (events.k_i, "1/angstrom"),
            "k_f": (k_f, "1/angstrom"),
            "A4": (events.A4, "deg"),
            "secondary_path": (of_pixel(one.L2), "m"),
            "a3": (events.a3, "deg"),
            "a4": (events.a4, "deg"),
            "N_b": (of_pixel(n_b), unit_of_n_b),
        }
        coords = {"detector_number": sc.array(dims=[EVENT], values=number.astype(np.int32))}
        for name, (values, unit) in columns.items():
            coords[name] = sc.array(dims=[EVENT], values=values, unit=unit)
        vectors = {"Q_lab": (events.q_lab, "1/angstrom")}
        vectors["Q_table"] = (events.q_table, "1/angstrom")
        if self.converter.sample is not None:
            vectors["hkl"] = (events.hkl, "one")
        for name, (parts, unit) in vectors.items():
            coords[name] = sc.vectors(dims=[EVENT], values=parts.T, unit=unit)
        bits = self.converter.bits
        masks = {
            name: sc.array(dims=[EVENT], values=bits.of(events.flags, name))
            for name in bits.names
        }
        if self.monitor is not None:
            weight, empty = self.monitor.at(events.time_at_sample, events.k_i)
            coords["monitor_weight"] = sc.array(
                dims=[EVENT], values=weight, unit="counts/angstrom"
            )
            masks[EMPTY_MONITOR] = sc.array(dims=[EVENT], values=empty)
        if self.backend is not None:
            lacking = np.isnan(coords["N_b"].values)
            masks[NO_EFFICIENCY] = sc.array(dims=[EVENT], values=lacking)
        ones = np.ones(len(events), dtype=np.float32)
        data = sc.array(dims=[EVENT], values=ones, variances=ones, unit="counts")
        return sc.DataArray(data, coords=coords, masks=masks, name="events")
