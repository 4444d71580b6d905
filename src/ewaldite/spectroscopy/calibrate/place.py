"""What a module's place changes: energies, angles, and when elastic neutrons arrive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ewaldite.geometry.triplet import Triplet
from ewaldite.model.experiment import FloatArray
from ewaldite.spectroscopy.calibration import (
    Calibration,
    Module,
    ModuleCalibration,
)
from ewaldite.spectroscopy.instrument import Instrument
from ewaldite.spectroscopy.primary import Primary

NAMES = ("angle", "along", "across")
#: Steps of the differences: degrees and m.
_STEPS = {"angle": 0.01, "along": 1e-4, "across": 1e-4}


@dataclass(frozen=True)
class Place:
    """Pixels of one module.

    Attributes
    ----------
    triplets:
        Of the module, nominal, with the middle one.
    primary:
        The way in.
    module:
        Which.
    calibration:
        Of all else.
    """

    triplets: Sequence[Triplet]
    primary: Primary
    module: Module
    calibration: Calibration

    @property
    def start(self) -> ModuleCalibration:
        """As the calibration has it."""
        return self.calibration.modules.get(self.module, ModuleCalibration())

    def at(self, where: ModuleCalibration) -> FloatArray:
        """Pixels of the module if it were elsewhere.

        Returns
        -------
        :
            When elastic neutrons are counted after the pulse (s), A4 (rad) and k_f (1/Å); dims
            (quantity, row).
        """
        mine = {(t.arc, t.channel) for t in self.triplets}
        tubes = {k: v for k, v in self.calibration.tubes.items() if k[:2] in mine}
        only = Calibration(tubes, {self.module: where})
        one = Instrument.from_triplets(only.apply(self.triplets))
        arrival = self.primary.time(self.primary.sample_distance, one.k_f) + one.final_time
        return np.stack([arrival, np.deg2rad(one.A4), one.k_f])

    @cached_property
    def slopes(self) -> FloatArray:
        """Derivatives of :meth:`at` at the start; (parameter, quantity, row), per degree, m.

        A module moves by so little that they are the same everywhere; what is left is made
        up by going there again.
        """
        out = []
        for name in NAMES:
            step, value = _STEPS[name], float(getattr(self.start, name))
            high = self.at(replace(self.start, **{name: value + step}))
            low = self.at(replace(self.start, **{name: value - step}))
            out.append((high - low) / (2.0 * step))
        return np.stack(out)
