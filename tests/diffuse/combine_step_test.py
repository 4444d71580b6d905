"""Tables of several sweeps, of which one is in memory at a time, are those of all together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import scipp as sc

from diffuse.two_sweeps import options_of, two_sweeps
from ewaldite.diffuse import workflow
from ewaldite.diffuse.combine import join_neighbours
from ewaldite.diffuse.combine_step import combine_tables, rotation_of
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.observations import Observations
from ewaldite.diffuse.reindexed import reindexed
from ewaldite.io.nexus import load


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """Two sweeps of the same images, in wedges that cut voxels."""
    context = two_sweeps(tmp_path_factory.mktemp("tables"))
    workflow.run(context, ["export"])
    return context


@pytest.mark.parametrize(
    ("span", "run"),
    [
        (0.0, {"workers": 1}),
        (3.0, {"workers": 1}),
        (3.0, {"workers": 3}),
        (3.0, {"workers": 2, "executor": "processes"}),
    ],
)
def test_sweep_by_sweep_gives_the_same_bits(
    exported: Context, span: float, run: dict[str, object]
) -> None:
    scale = {"merge_within_degrees": span}
    context = replace(exported, options=options_of(exported, scale=scale, run=run))
    combine_tables(context)
    table = Observations.from_scipp(load(context.work / "observations.nxs"))
    assert set(table.sweep) == {0, 1}
    joined = join_neighbours(table, rotation_of(context, table.sweep, table.iz), span)
    assert (len(joined) < len(table)) == (span > 0)
    expected = reindexed(joined, context.operators).to_scipp()
    assert sc.identical(load(context.path("observations.nxs")), expected, equal_nan=True)


def test_masks_and_corrections_of_a_sweep_are_found_by_its_name(exported: Context) -> None:
    masks = load(exported.path("masks.nxs"))
    assert list(masks) == ["a", "b"]
    good = exported.good(1)
    for mask in masks["b"].values():
        assert not (good & mask.values).any()
