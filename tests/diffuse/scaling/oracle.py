"""The numbers of mdx-lib: observations, model and history of its scaling."""

from __future__ import annotations

import json

import numpy as np

from conftest import ORACLES
from ewaldite.diffuse.scaling.alternating import Measured
from ewaldite.diffuse.scaling.basis import Axis, ControlPoints
from ewaldite.diffuse.scaling.cells import CellSums
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.options import Smoothness
from ewaldite.diffuse.scaling.table import ScalingTable

ORACLE = json.loads((ORACLES / "scale.json").read_text())
REFERENCE = Smoothness()


def column(name: str) -> np.ndarray:
    return np.array(ORACLE["table"][name], float)


def measured() -> Measured:
    columns = {name: column(name) for name in ("ix", "iy", "iz", "s")}
    return Measured(
        intensity=column("I"),
        sigma=column("sigma"),
        voxel=np.array(ORACLE["ih_1based"]) - 1,
        batch=column("n").astype(int) - 1,
        columns={**columns, "panel": column("p")},
    )


def start_model() -> ScalingModel:
    """a = b = d = 1, c = 0 on the nodes of the oracle; d in common."""
    terms: dict[str, list[ControlPoints]] = {"a": [], "b": [], "c": []}
    for stored in ORACLE["models"]:
        x, y = Axis("ix", *stored["ixLim"], 3), Axis("iy", *stored["iyLim"], 3)
        s = Axis("s", *stored["sLim"], stored["szc"][0])
        for term, size, plane in (
            ("a", stored["sza"][2], (x, y)),
            ("b", stored["szb"], ()),
            ("c", stored["szc"][1], (s,)),
        ):
            axes = (*plane, Axis("iz", *stored["izLim"], size))
            terms[term].append(ControlPoints.constant(axes, 0.0 if term == "c" else 1.0))
    panel = Axis("panel", *ORACLE["models"][0]["ipLim"], 4, bins=True)
    found = {term: tuple(points) for term, points in terms.items()}
    found["d"] = (ControlPoints.constant((panel,), 1.0),)
    return ScalingModel((1, 2), found, ORACLE["models"][0]["sLim"][1], (0.1, 0.1))


def compact(data: Measured, batches: tuple[int, ...]) -> ScalingTable:
    """The same observations as the joint refinement takes them, with their own sigma."""
    order = np.argsort(data.voxel, kind="stable")
    start = np.concatenate([[0], np.cumsum(np.bincount(data.voxel))])
    single = {name: x[order].astype(np.float32) for name, x in data.columns.items()}
    names = {"ix": "ix", "iy": "iy", "iz": "iz", "length": "s"}
    batch = data.batch[order].astype(np.int16)
    limits = np.array(
        [
            [(single[n][batch == j].min(), single[n][batch == j].max()) for n in names.values()]
            for j in range(len(batches))
        ],
        dtype=float,
    )
    ones = np.ones(order.size, np.float32)
    signal = data.intensity[order].astype(np.float32)
    columns = {name: single[n] for name, n in names.items()}
    return ScalingTable(
        start=start,
        key=np.arange(start.size - 1),
        row=order.astype(np.int32),
        signal=signal,
        exposure=ones,
        dark=0 * ones,
        panel=single["panel"].astype(np.int16),
        batch=batch,
        batches=batches,
        limits=limits,
        cells=CellSums.of(batch, columns["iz"], columns["length"], signal, ones, limits),
        panels=int(single["panel"].max()) + 1,
        size=order.size,
        sigma=data.sigma[order].astype(np.float32),
        **columns,
    )
