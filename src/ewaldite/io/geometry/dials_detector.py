"""The detector of a DIALS file: panels in the laboratory.

Pixel convention: ``origin`` is the outer corner of pixel [0, 0], its centre lies at 1/2, 1/2.
A panel's vectors are relative to the group that holds it, and so on up to the root.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ewaldite.errors import UserError
from ewaldite.io.geometry.checks import asked, unit_vector
from ewaldite.io.geometry.dials_file import Experiment, Model
from ewaldite.model.experiment import (
    FloatArray,
    Panel,
    ParallaxConvention,
    Region,
    Sensor,
)

Frame = tuple[FloatArray, FloatArray]  # columns fast, slow, normal; origin in mm

LABORATORY: Frame = (np.eye(3), np.zeros(3))


def panels_of(experiment: Experiment, turn: FloatArray) -> tuple[tuple[Panel, ...], list[str]]:
    """Panels of an experiment.

    Parameters
    ----------
    experiment:
        The experiment.
    turn:
        Rotation from the frame of DIALS into ours; dims (row, column).

    Returns
    -------
    :
        The panels in the order of the file, and notes.

    Raises
    ------
    UserError
        If a number is missing, or several panels do not say where in the image they are.
    """
    detector = experiment.need("detector")
    models = detector.get("panels") or []
    if not models:
        raise UserError(asked(experiment.path), "the detector has no panel", "Mend the file.")
    frames = _frames(experiment, detector, models)
    notes: list[str] = []
    panels = []
    for i, model in enumerate(models):
        directions, origin = frames[i]
        width, height = _pair(experiment, model, "image_size")
        sensor, parallax = _sensor(model, notes)
        offset = _offset(experiment, model)
        panels.append(
            Panel(
                origin=turn @ origin,
                fast=turn @ directions[:, 0],
                slow=turn @ directions[:, 1],
                pixel_size=_pair(experiment, model, "pixel_size"),
                shape=(round(height), round(width)),
                offset=offset,
                name=str(model.get("name") or f"panel {i}"),
                sensor=sensor,
                parallax=parallax,
            )
        )
    _check_places(experiment, panels)
    return tuple(panels), notes


def image_shape(panels: tuple[Panel, ...]) -> tuple[int, int]:
    """Smallest image that holds all panels: (slow, fast), pixels."""
    slow = max(panel.offset[0] + panel.shape[0] for panel in panels)
    fast = max(panel.offset[1] + panel.shape[1] for panel in panels)
    return slow, fast


def untrusted_of(experiment: Experiment) -> tuple[Region, ...]:
    """Masked rectangles of the panels; DIALS' upper bounds are exclusive.

    Raises
    ------
    UserError
        If a mask is malformed.
    """
    regions = []
    for i, model in enumerate(experiment.need("detector").get("panels") or []):
        slow, fast = _offset(experiment, model)
        if not model.get("mask"):
            continue
        for f0, s0, f1, s1 in experiment.numbers(model, "mask", (-1, 4)):
            points = np.array([[f0 - 1, s0 - 1], [f1, s1]]) + np.array([fast, slow])
            regions.append(Region("rectangle", points, f"DIALS mask of panel {i}"))
    return tuple(regions)


def trusted_range_of(experiment: Experiment) -> tuple[int, int] | None:
    """(smallest valid count, smallest overloaded count) of the narrowest panel.

    Newer files include both limits. Older ones, known by their lower limit of -1, exclude both.
    """
    lows, highs = [], []
    for model in experiment.need("detector").get("panels") or []:
        if not model.get("trusted_range"):
            continue
        low, high = _pair(experiment, model, "trusted_range")
        exclusive = low == -1.0
        lows.append(0 if exclusive else math.ceil(low))
        highs.append(math.ceil(high) if exclusive else math.floor(high) + 1)
    return (max(lows), min(highs)) if lows and min(highs) > max(lows) else None


def _frames(experiment: Experiment, detector: Model, models: list[Model]) -> dict[int, Frame]:
    hierarchy = detector.get("hierarchy")
    if not hierarchy:
        return {i: _inside(experiment, LABORATORY, model) for i, model in enumerate(models)}
    frames = dict(_walk(experiment, LABORATORY, hierarchy, models))
    missing = set(range(len(models))) - set(frames)
    if missing:
        raise UserError(
            asked(experiment.path),
            f"panel {min(missing)} is in no group of the detector's hierarchy",
            "Let DIALS write the file again.",
        )
    return frames


def _walk(
    experiment: Experiment, parent: Frame, group: Model, models: list[Model]
) -> Iterator[tuple[int, Frame]]:
    frame = _inside(experiment, parent, group)
    for child in group.get("children") or []:
        index = child.get("panel")
        if index is None:
            yield from _walk(experiment, frame, child, models)
        elif 0 <= index < len(models):
            yield index, _inside(experiment, frame, models[index])


def _inside(experiment: Experiment, parent: Frame, model: Model) -> Frame:
    """Frame of a node in the laboratory, from the one of its parent."""
    path = experiment.path
    fast = unit_vector(experiment.numbers(model, "fast_axis", (3,)), "fast_axis", path)
    slow = unit_vector(experiment.numbers(model, "slow_axis", (3,)), "slow_axis", path)
    local = np.stack([fast, slow, np.cross(fast, slow)], axis=1)
    directions, origin = parent
    return directions @ local, origin + directions @ experiment.numbers(model, "origin", (3,))


def _sensor(model: Model, notes: list[str]) -> tuple[Sensor | None, ParallaxConvention]:
    thickness = float(model.get("thickness") or 0.0)
    attenuation = float(model.get("mu") or 0.0)
    strategy = str((model.get("px_mm_strategy") or {}).get("type", ""))
    if "Offset" in strategy:
        _note(notes, "DIALS' table of pixel distortions is not applied")
    if thickness <= 0.0:
        return None, "none"
    material = str(model.get("material") or "")
    if not material:
        material = "Si"
        _note(notes, "the DIALS file does not name the sensor's material: silicon assumed")
    sensor = Sensor(material, thickness, attenuation if attenuation > 0.0 else None)
    return sensor, "dials" if "ParallaxCorrected" in strategy else "none"


def _note(notes: list[str], note: str) -> None:
    if note not in notes:
        notes.append(note)


def _offset(experiment: Experiment, model: Model) -> tuple[int, int]:
    """Index (slow, fast) of the panel's first pixel in the image."""
    if not model.get("raw_image_offset"):
        return 0, 0
    fast, slow = _pair(experiment, model, "raw_image_offset")
    return round(slow), round(fast)


def _pair(experiment: Experiment, model: Model, key: str) -> tuple[float, float]:
    first, second = experiment.numbers(model, key, (2,))
    return float(first), float(second)


def _check_places(experiment: Experiment, panels: list[Panel]) -> None:
    if len(panels) == 1:
        return
    height, width = image_shape(tuple(panels))
    taken = np.zeros((height, width), dtype=bool)
    for panel in panels:
        (slow, fast), (ny, nx) = panel.offset, panel.shape
        place = taken[slow : slow + ny, fast : fast + nx]
        if place.any():
            raise UserError(
                asked(experiment.path),
                f"it has {len(panels)} panels, and '{panel.name}' has no place of its own in"
                " the image (raw_image_offset is zero or overlaps another panel)",
                "Give the geometry as NXmx with modules, or set every raw_image_offset.",
            )
        place[...] = True
