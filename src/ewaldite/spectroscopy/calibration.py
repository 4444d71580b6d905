r"""Where the detectors really are.

Along a tube the position follows from charge division, so each tube has a gain and an offset:
:math:`y = g\,y_m + o`, from its middle. Nine triplets of an arc sit in three modules of three,
flat flanges with a vertical normal. A module may be turned by θ about the middle of its middle
triplet and shifted by :math:`T_{off}`: in the analyser frame of triplet k, which stands at
:math:`\theta_k` (-10°, 0, +10°) from the middle one,

.. math:: P = C + R_z(\theta)(P_d - C) + R_z(-\theta_k)\, T_{off}

with C the centre of the middle triplet, as that frame has it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.analyser import UP, analyser_frame
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.geometry.triplet import ARCS, CHANNELS, Triplet
from ewaldite.model.experiment import FloatArray, IntArray

#: Channels of a module.
WIDTH = 3


@dataclass(frozen=True)
class TubeCalibration:
    """Position along a tube.

    Attributes
    ----------
    gain:
        True length by nominal one.
    offset:
        Towards larger A4, m.
    """

    gain: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class ModuleCalibration:
    """Rotation and shift of a module.

    Attributes
    ----------
    angle:
        About the vertical, right-handed about up, degrees.
    along, across:
        Shift along x (away from the sample) and y (towards larger A4) of the analyser frame of
        the middle triplet, m.
    """

    angle: float = 0.0
    along: float = 0.0
    across: float = 0.0


Tube = tuple[int, int, int]
Module = tuple[int, int]


@dataclass(frozen=True)
class Calibration:
    """Calibration of an instrument; what it does not name is nominal.

    Attributes
    ----------
    tubes:
        By (arc, channel, tube), all from 0.
    modules:
        By (arc, module), from 0: module 0 holds channels 1 to 3.
    """

    tubes: Mapping[Tube, TubeCalibration] = field(default_factory=dict)
    modules: Mapping[Module, ModuleCalibration] = field(default_factory=dict)

    def apply(self, triplets: Sequence[Triplet]) -> tuple[Triplet, ...]:
        """Move the pixels of triplets to where they are.

        Raises
        ------
        UserError
            If a tube or module is named that BIFROST does not have, or the middle triplet of a
            module that is moved is not there.
        """
        self._check(triplets)
        middles = {(t.arc, t.channel): t for t in triplets}
        return tuple(
            replace(t, position=self._in_module(t, along_tubes(t, self._of(t)), middles))
            for t in triplets
        )

    def points(
        self, triplets: Sequence[Triplet], number: int, tube: IntArray, along: FloatArray
    ) -> FloatArray:
        """Where positions that tubes measured are.

        Parameters
        ----------
        triplets:
            Nominal.
        number:
            Which of them.
        tube:
            dims (event), int64.
        along:
            Measured from the middle of the tube towards larger A4; dims (event), m.

        Returns
        -------
        :
            From the sample; dims (event, xyz), m.
        """
        triplet, tubes = triplets[number], self._of(triplets[number])
        gain = np.array([one.gain for one in tubes])[tube]
        offset = np.array([one.offset for one in tubes])[tube]
        middle = triplet.position.mean(axis=1)[tube]
        direction = analyser_frame(triplet.analyser)[:, 1]
        place = middle + (gain * along + offset)[:, None] * direction
        return self._in_module(triplet, place, {(t.arc, t.channel): t for t in triplets})

    def _in_module(
        self, triplet: Triplet, position: FloatArray, known: Mapping[Module, Triplet]
    ) -> FloatArray:
        module = self.modules.get((triplet.arc, triplet.channel // WIDTH))
        if module is None:
            return position
        middle = triplet.channel // WIDTH * WIDTH + 1
        if (triplet.arc, middle) not in known:
            name = f"channel_{middle + 1}_{triplet.arc + 1}_triplet"
            raise UserError(
                f"move module {middle // WIDTH + 1} of arc {triplet.arc + 1}",
                f"its middle triplet, {name}, is not in the file",
                "Give the file of the whole module, or leave its calibration out.",
            )
        return with_module(position, known[triplet.arc, middle], module)

    def _of(self, triplet: Triplet) -> list[TubeCalibration]:
        tubes = range(len(triplet.position))
        nominal = TubeCalibration()
        return [self.tubes.get((triplet.arc, triplet.channel, t), nominal) for t in tubes]

    def _check(self, triplets: Sequence[Triplet]) -> None:
        tubes = {(t.arc, t.channel): len(t.position) for t in triplets}
        # A calibration of the whole instrument serves files of a part of it
        wrong_tubes = {
            (arc, channel, tube)
            for arc, channel, tube in self.tubes
            if not (arc < ARCS and channel < CHANNELS)
            or tube >= tubes.get((arc, channel), tube + 1)
        }
        wrong_modules = {
            (arc, module)
            for arc, module in self.modules
            if not (arc < ARCS and module < CHANNELS // WIDTH)
        }
        for name, wrong in (
            ("tube (arc, channel, tube)", wrong_tubes),
            ("module (arc, module)", wrong_modules),
        ):
            unknown = sorted(wrong)
            if unknown:
                first = tuple(number + 1 for number in unknown[0])
                raise UserError(
                    "use the calibration",
                    f"there is no {name} {first}",
                    "Number them from 1: arcs to 5, channels to 9, tubes and modules to 3.",
                )


def along_tubes(triplet: Triplet, tubes: Sequence[TubeCalibration]) -> FloatArray:
    """Stretch and shift the pixels of each tube along it.

    Parameters
    ----------
    triplet:
        Nominal.
    tubes:
        One a tube.

    Returns
    -------
    :
        Positions; dims (tube, pixel, xyz), m.
    """
    along = analyser_frame(triplet.analyser)[:, 1]
    y = triplet.position @ along
    y -= y.mean(axis=1, keepdims=True)
    gain = np.array([tube.gain for tube in tubes])[:, None]
    offset = np.array([tube.offset for tube in tubes])[:, None]
    shift = (gain - 1.0) * y + offset
    return np.asarray(triplet.position + shift[..., None] * along)


def with_module(position: FloatArray, middle: Triplet, module: ModuleCalibration) -> FloatArray:
    """Turn and shift points with their module; in the laboratory, where all frames agree.

    Parameters
    ----------
    position:
        dims (..., xyz), m.
    middle:
        The middle triplet of the module, nominal.
    module:
        How it is moved.

    Returns
    -------
    :
        dims (..., xyz), m.
    """
    frame = analyser_frame(middle.analyser)
    shift = frame @ np.array([module.along, module.across, 0.0])
    turn = rotation_matrix(UP, module.angle)
    return np.asarray(middle.centre + (position - middle.centre) @ turn.T + shift)
