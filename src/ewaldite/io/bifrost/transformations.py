"""Chains of NeXus transformations: where things are."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.io.bifrost.access import conversion, need, numbers, text, where
from ewaldite.io.bifrost.logs import log_group
from ewaldite.model.experiment import FloatArray

_LONGEST = 100
#: A log that moves less than this (m or degrees) stands still.
_STILL = 1e-6


@dataclass(frozen=True)
class Step:
    """One transformation of a chain.

    Attributes
    ----------
    node:
        The dataset, or the group of a logged value.
    rotation:
        Whether it turns; else it shifts.
    vector:
        Axis or direction; dims (xyz).
    offset:
        Shift that comes after it; dims (xyz), m.
    """

    node: Any
    rotation: bool
    vector: FloatArray
    offset: FloatArray

    @property
    def is_tank(self) -> bool:
        """Whether this is the angle of the detector tank, a4."""
        return self.rotation and "tank" in str(self.node.name)

    def matrix(self) -> FloatArray:
        """Homogeneous matrix; dims (4, 4), m.

        Raises
        ------
        UserError
            If its value is logged and moves, or its unit is wrong.
        """
        value = self._value("deg" if self.rotation else "m")
        matrix = np.eye(4)
        if self.rotation:
            matrix[:3, :3] = rotation_matrix(self.vector, value)
        else:
            matrix[:3, 3] = value * self.vector
        matrix[:3, 3] += self.offset
        return matrix

    def _value(self, unit: str) -> float:
        stored = log_group(self.node)
        if isinstance(stored, h5py.Group):
            stored = need(stored, "value")
        values = np.atleast_1d(numbers(stored, unit)).ravel()
        if not values.size or np.ptp(values) > _STILL:
            found = "it has no value" if not values.size else "it moves during the run"
            raise UserError(
                f"use the transformation {where(self.node)}",
                found,
                "Only the detector tank may move; give the file of a run where this stands.",
            )
        return float(values[-1])


def chain_of(group: h5py.Group) -> list[Step]:
    """Transformations of a component, the innermost first.

    Parameters
    ----------
    group:
        With a field ``depends_on``; without one it is at the origin.

    Raises
    ------
    UserError
        If a step is missing, of an unknown type, or the chain closes on itself.
    """
    steps: list[Step] = []
    if "depends_on" not in group:
        return steps
    here: Any = group
    target = text(group["depends_on"])
    while target != ".":
        node = _follow(here, target)
        steps.append(_step(node))
        if len(steps) > _LONGEST:
            raise UserError(
                f"place {where(group)}",
                "its chain of transformations closes on itself",
                "Correct 'depends_on' in the file.",
            )
        here, target = node.parent, text(node.attrs.get("depends_on", "."))
    return steps


def position_of(group: h5py.Group) -> FloatArray:
    """Where the origin of a component is, the tank at angle zero; dims (xyz), m."""
    return placement(chain_of(group))[:3, 3]


def placement(steps: list[Step]) -> FloatArray:
    """Matrix of a chain with the tank at angle zero.

    Parameters
    ----------
    steps:
        The innermost first.

    Returns
    -------
    :
        From the component's frame to the laboratory; dims (4, 4), m, float64.

    Raises
    ------
    UserError
        If the tank does not turn about the vertical through the origin, or as
        :meth:`Step.matrix`.
    """
    matrix = np.eye(4)
    for step in steps:
        if step.is_tank:
            continue
        matrix = step.matrix() @ matrix
    return matrix


def tank_of(steps: list[Step]) -> tuple[Step, float] | None:
    """The step of the tank and the sign of its axis along +y; None if there is none.

    Raises
    ------
    UserError
        If the tank does not turn about the vertical through the sample.
    """
    found = [number for number, step in enumerate(steps) if step.is_tank]
    if not found:
        return None
    tank = steps[found[-1]]
    axis = tank.vector / np.linalg.norm(tank.vector)
    beyond = placement(steps[found[-1] + 1 :])
    vertical = abs(abs(axis[1]) - 1.0) < _STILL and not np.any(tank.offset)
    if len(found) > 1 or not vertical or not np.allclose(beyond, np.eye(4), atol=_STILL):
        raise UserError(
            f"turn the detector tank by {where(tank.node)}",
            f"it does not turn about the vertical through the sample (axis {axis.tolist()})",
            "Correct the transformation: last of the chain, vector 0, 1, 0, no offset.",
        )
    return tank, float(np.sign(axis[1]))


def _follow(here: h5py.Group, target: str) -> Any:
    place = posixpath.normpath(posixpath.join(here.name, target))
    if place not in here.file:
        raise UserError(
            f"place {where(here)}",
            f"its transformation {place} is not in the file",
            "See whether the file is complete.",
        )
    return here.file[place]


def _step(node: Any) -> Step:
    kind = text(node.attrs.get("transformation_type", ""))
    vector = np.asarray(node.attrs.get("vector", ()), dtype=np.float64)
    if kind not in ("rotation", "translation") or vector.shape != (3,):
        raise UserError(
            f"use the transformation {where(node)}",
            f"its type is '{kind}' and its vector {vector.tolist()}",
            "Correct its attributes transformation_type and vector.",
        )
    offset = np.zeros(3)
    if "offset" in node.attrs:
        offset = np.asarray(node.attrs["offset"], dtype=np.float64)
        if np.any(offset):
            offset = offset * conversion(node, "m", node.attrs.get("offset_units", "m"))
    return Step(node, kind == "rotation", vector, offset)
