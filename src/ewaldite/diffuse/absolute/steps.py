"""Step ``rescale``: from merged intensities to electrons per unit cell."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import scipp as sc

from ewaldite.crystal.form_factors import ANOMALOUS_SOURCE, FORM_FACTOR_SOURCE
from ewaldite.diffuse.absolute.apply import to_absolute
from ewaldite.diffuse.absolute.cutoff import seen_to
from ewaldite.diffuse.absolute.inputs import completed_bragg, read_contents
from ewaldite.diffuse.absolute.scale import AbsoluteScale, absolute_scale
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.observations import grid_of, index_of
from ewaldite.diffuse.options import DiffuseOptions
from ewaldite.diffuse.scaling.model import ScalingModel
from ewaldite.io.nexus import load, save
from ewaldite.model.uncertainty import with_sigma
from ewaldite.tables.compton import COMPTON_SOURCE

#: Where the scattering of atoms comes from.
TABLES = {
    "form factors": FORM_FACTOR_SOURCE,
    "anomalous scattering": ANOMALOUS_SOURCE,
    "Compton scattering": COMPTON_SOURCE,
}


def rescale(context: Context) -> None:
    """Step ``rescale``: find the absolute scale and apply it.

    Writes ``absolute.nxs`` (the merged table in electrons² per unit cell),
    ``absolute_bragg.nxs``, ``absolute_scale.nxs`` (scale, its uncertainty, curves) and
    ``absolute_scales.nxs`` (the scaling model that gives absolute intensities).

    Raises
    ------
    UserError
        If the contents are impossible, a file of theirs cannot be read, or the sums give no
        scale.
    """
    options = context.options
    merged = load(context.path("merged.nxs"))
    coarse = load(context.path("merged_coarse.nxs"))
    contents = read_contents(options.contents, context.base, context.cell)
    bragg, said = completed_bragg(
        options.absolute,
        context.base,
        load(context.path("bragg_merged.nxs")),
        context.cell,
        context.group,
    )
    scale = absolute_scale(
        coarse,
        bragg,
        contents,
        context.cell,
        context.group,
        context.wavelength,
        options.absolute,
        s_limit=seen_to(grid_of(coarse), index_of(coarse), context.cell),
    )
    _say(context, scale, said)
    provenance = context.provenance(*said, *scale.notes)
    provenance = replace(provenance, tables={**provenance.tables, **TABLES})
    sample = context.sample(options.map.grid)
    save(
        context.path("absolute.nxs"),
        to_absolute(merged, scale, context.cell),
        provenance,
        sample=sample,
    )
    save(
        context.path("absolute_bragg.nxs"),
        to_absolute(bragg, scale, context.cell, subtract_incoherent=False),
        provenance,
        sample=context.sample(options.scale.grid),
    )
    save(
        context.path("absolute_scale.nxs"),
        scale.to_scipp(),
        provenance,
        sample=sample,
        plot=("curves", "scale"),
    )
    save(
        context.path("absolute_scales.nxs"),
        absolute_model(
            ScalingModel.from_scipp(load(context.path("scales.nxs"))["model"]), scale
        ),
        provenance,
        sample=sample,
        plot=("model", "terms", "b"),
    )


def inputs_of(options: DiffuseOptions, base: Path) -> list[Path]:
    """Files that the absolute scale reads, absolute paths."""
    named = (options.contents.file, options.absolute.reference)
    return [base / file for file in named if file is not None]


def absolute_model(model: ScalingModel, scale: AbsoluteScale) -> sc.DataGroup[Any]:
    """The scaling model with b and c such that merged intensities come out absolute."""
    incoherent = scale.scattering.tabulated_incoherent(model.s_limit)
    rescaled = model.rescaled(float(scale.k.value), incoherent)
    return sc.DataGroup({"model": rescaled.to_scipp()})


def _say(context: Context, scale: AbsoluteScale, said: tuple[str, ...]) -> None:
    context.log.info("rescale: %s", scale.scattering.contents.summary())
    context.log.info(
        "rescale: 1 count/mrad²/s is %s electrons² per unit cell (cut-off %.3g 1/Å)",
        with_sigma(float(scale.k.value), float(scale.sigma_k.value)),
        scale.cutoff,
    )
    for note in (*said, *scale.notes):
        context.log.warning("note: %s", note)
