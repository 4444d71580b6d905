"""Step ``scale``: factors that make the observations of all sweeps agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipp as sc
from numpy.typing import NDArray

from ewaldite.diffuse.combine_step import rotation_of
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.merging.outliers import OUTLIER
from ewaldite.diffuse.observations import INTENSITY_UNIT, Observations
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.diffuse.scaling.residual_maps import ResidualMap
from ewaldite.diffuse.scaling.scale import scale
from ewaldite.diffuse.scaling.start import StartFactors, start_factors
from ewaldite.errors import UserError
from ewaldite.io.nexus import TableWriter, iterate, load, save
from ewaldite.io.scale_factors import read_scale_factors
from ewaldite.run.memory import give_back

# A chunk of a file: a block is held some four times over while it is read and written
_BLOCK = 65_536
#: Columns of ``scaled.nxs`` that are those of ``observations.nxs``.
_KEPT = ("h", "k", "l", "ix", "iy", "iz", "panel", "wedge", "sweep")


def scale_observations(context: Context) -> None:
    """Step ``scale``: refine the scaling model on the combined table.

    Writes ``scales.nxs`` (the model, how it was found, maps of the residuals) and
    ``scaled.nxs`` (every observation with its factors, residual and the mask ``outlier``).

    Raises
    ------
    UserError
        If there is no observation, or a start of another program does not fit.
    """
    options = context.options.scale
    reach: dict[int, tuple[float, float, float]] = {}
    result = scale(
        _told(context, reach),
        context.group,
        options=options,
        degrees_per_frame=degrees_per_frame(context),
        rng=np.random.default_rng(options.seed),
        start=read_start(context),
        log=lambda text: context.log.info("scale: %s", text),
    )
    give_back()
    provenance = context.provenance(*result.notes)
    sample = context.sample(options.grid)
    maps = _Maps(context, reach)
    with TableWriter(context.path("scaled.nxs"), provenance, sample=sample) as writer:
        start = 0
        for block in _blocks(context):
            rows = slice(start, start + len(block))
            outlier, residual = result.outlier[rows], result.residual[rows]
            writer.append(_scaled(block, result.model, outlier, residual))
            maps.add(block, np.where(outlier, np.nan, residual))
            start += len(block)
    record = sc.DataGroup({**result.to_scipp(), **maps.to_scipp()})
    save(
        context.path("scales.nxs"),
        record,
        provenance,
        sample=sample,
        plot=("model", "terms", "b"),
    )


def load_model(context: Context) -> ScalingModel:
    """The scaling model that the step ``scale`` left."""
    return ScalingModel.from_scipp(load(context.path("scales.nxs"))["model"])


def scaled_blocks(context: Context) -> Iterator[Observations]:
    """Observations on the grid of scaling, its outliers masked, block by block."""
    masks = iterate(context.path("scaled.nxs"), rows=_BLOCK, columns=())
    for block, scaled in zip(_blocks(context), masks, strict=True):
        yield block.with_mask(OUTLIER, scaled.masks[OUTLIER].values)


def degrees_per_frame(context: Context) -> dict[int, float]:
    """Mean rotation from one frame to the next of every sweep, degrees."""
    found = {}
    for entry in context.entries:
        phi = entry.sweep.scan.phi
        found[entry.number] = float(np.median(np.abs(np.diff(phi)))) if phi.size > 1 else 1.0
    return found


def start_files(context: Context) -> dict[str, Path]:
    """Files of scale factors to start from, by the sweep; "" for a file that names them."""
    given = context.options.scale.start
    named = {"": given} if isinstance(given, str) else given or {}
    return {sweep: context.base / file for sweep, file in named.items()}


def read_start(context: Context) -> dict[int, StartFactors]:
    """Scale factors to start from, by the number of the sweep.

    Raises
    ------
    UserError
        If a file cannot be read, or a sweep that is named does not exist.
    """
    entries = context.entries
    numbers = {entry.options.name: entry.number for entry in entries}
    unknown = sorted(set(start_files(context)) - {"", *numbers})
    if unknown:
        raise UserError(
            f"use [scale] start of the sweep '{unknown[0]}'",
            f"there is none of this name; the sweeps are {', '.join(numbers)}",
            "Use the names in [[sweep]].",
        )
    found: dict[int, StartFactors] = {}
    for sweep, path in start_files(context).items():
        found |= start_factors(
            read_scale_factors(path),
            {sweep: numbers[sweep]} if sweep else numbers,
            numbers={entry.number: entry.sweep.scan.frames for entry in entries},
            phi={entry.number: entry.sweep.scan.phi for entry in entries},
        )
    return found


def _blocks(context: Context) -> Iterator[Observations]:
    for block in iterate(context.path("observations.nxs"), rows=_BLOCK):
        yield Observations.from_scipp(block)
        give_back()


def _scaled(
    block: Observations, model: ScalingModel, outlier: NDArray[np.bool_], residual: NDArray[Any]
) -> sc.DataArray:
    """One row an observation: ``I / A - C`` with what made it."""
    a, c = model.evaluate(block)
    table = block.with_mask(OUTLIER, outlier).to_scipp()
    coords: dict[str, Any] = {name: table.coords[name] for name in _KEPT}
    for name, values, unit in (
        ("s", block.length_of_s, "1/angstrom"),
        ("scale", a, "one"),
        ("offset", c, INTENSITY_UNIT),
        ("residual", residual.astype(np.float64), "one"),
    ):
        coords[name] = sc.array(dims=["voxel"], values=values, unit=unit)
    data = sc.array(
        dims=["voxel"],
        values=block.intensity / a - c,
        variances=block.variance / a**2,
        unit=INTENSITY_UNIT,
    )
    return sc.DataArray(data, coords=coords, masks=dict(table.masks), name="intensity")


def _told(
    context: Context, reach: dict[int, tuple[float, float, float]]
) -> Iterator[Observations]:
    """Blocks of observations; notes the rotation and the largest |s| of each sweep."""
    for block in _blocks(context):
        angle = rotation_of(context, block.sweep, block.iz)
        for number in np.unique(block.sweep):
            rows = block.sweep == number
            low, high, far = reach.get(int(number), (np.inf, -np.inf, 0.0))
            reach[int(number)] = (
                min(low, float(angle[rows].min())),
                max(high, float(angle[rows].max())),
                max(far, float(block.length_of_s[rows].max())),
            )
        yield block


class _Maps:
    """Mean residuals of every sweep on its detector, and over |s| and rotation."""

    def __init__(self, context: Context, reach: dict[int, tuple[float, float, float]]) -> None:
        self._context = context
        self._detector, self._dose = {}, {}
        for entry in context.entries:
            low, high, far = reach.get(entry.number, (0.0, 1.0, 1.0))
            self._detector[entry.number] = ResidualMap.on_detector(entry.sweep.image_shape)
            self._dose[entry.number] = ResidualMap.of_dose(far, (low, high))

    def add(self, block: Observations, residual: NDArray[Any]) -> None:
        angle = rotation_of(self._context, block.sweep, block.iz)
        for number in np.unique(block.sweep):
            rows = block.sweep == number
            z = residual[rows]
            self._detector[number].add(z, block.iy[rows], block.ix[rows])
            self._dose[number].add(z, block.length_of_s[rows], angle[rows])

    def to_scipp(self) -> dict[str, Any]:
        names = {entry.number: entry.options.name for entry in self._context.entries}
        return {
            what: sc.DataGroup({names[n]: found.to_scipp() for n, found in maps.items()})
            for what, maps in (
                ("residuals on the detector", self._detector),
                ("residuals over s and rotation", self._dose),
            )
        }
