"""A map that no memory holds is refused before the work that leads to it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from math import prod

import pytest

from diffuse.tiny import write_tiny
from ewaldite.diffuse import workflow
from ewaldite.diffuse.config import read_config
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.image_steps import mask_pixels
from ewaldite.diffuse.maps.expand import map_bytes, map_shape
from ewaldite.diffuse.maps.map_size import (
    check_map_size,
    held_map_bytes,
    layers_at_a_time,
    map_remedy,
    needs_whole_map,
)
from ewaldite.diffuse.maps.steps import make_maps
from ewaldite.diffuse.merging.statistics import completeness, shell_table
from ewaldite.diffuse.merging.steps import merge_observations
from ewaldite.errors import UserError
from ewaldite.io.nexus import load

SENTENCE = (
    r"Cannot make the map: it has [\d.e+]+ voxels, and 1e\+11 already take a day\. "
    r"Choose a larger \[map\] d_min or a smaller subdivide\."
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Context:
    folder = tmp_path_factory.mktemp("map_size")
    context = Context(read_config(write_tiny(folder)), folder)
    workflow.run(context)
    return context


def changed(context: Context, d_min: float | None, memory: str = "1 TB", n: int = 9) -> Context:
    options = context.options
    subdivide = (n, n, n)
    sections = {
        "map": options.map.model_copy(update={"d_min": d_min, "subdivide": subdivide}),
        "run": options.run.model_copy(update={"memory": memory}),
    }
    return replace(context, options=options.model_copy(update=sections))


@pytest.mark.parametrize("d_min", [0.01, 1e-5, 1e-300])
@pytest.mark.parametrize("step", [mask_pixels, merge_observations, make_maps, check_map_size])
def test_an_absurd_resolution_is_refused_at_once(
    step: Callable[[Context], None], d_min: float, finished: Context
) -> None:
    absurd = changed(finished, d_min)
    begun = time.perf_counter()
    with pytest.raises(UserError, match=f"^{SENTENCE}$"):
        step(absurd)
    assert time.perf_counter() - begun < 1.0


def test_a_run_is_refused_before_any_image_is_reduced(finished: Context) -> None:
    absurd = changed(finished, 0.01)
    elsewhere = absurd.options.output.model_copy(update={"directory": "elsewhere"})
    absurd = replace(absurd, options=absurd.options.model_copy(update={"output": elsewhere}))
    with pytest.raises(UserError, match=SENTENCE):
        workflow.run(absurd)
    assert not absurd.path("masks.nxs").exists()


def test_the_limit_is_where_map_and_process_no_longer_fit(finished: Context) -> None:
    options = finished.options
    box = options.map.grid, finished.group, finished.metric, finished.d_min
    # With its errors in single precision, which are made when it is written
    size = map_bytes(*box) + 4 * prod(map_shape(*box))
    check_map_size(changed(finished, finished.d_min, f"{size + 1000} B", n=1), 1000)
    with pytest.raises(UserError, match="make the map: it needs"):
        check_map_size(changed(finished, finished.d_min, f"{size + 999} B", n=1), 1000)


def test_a_large_map_is_made_some_layers_at_a_time(finished: Context) -> None:
    large = changed(finished, 0.2)
    box = large.options.map.grid, large.group, large.metric, 0.2
    nh, nk, nl = map_shape(*box)
    assert nh * nk * nl > 10_000_000
    layers = layers_at_a_time(large)
    assert 1 <= layers <= 32
    assert layers == 1 or layers * nk * nl <= 3_000_000
    assert held_map_bytes(large) == layers * nk * nl * (17 + 4)
    for changes in ({"supercell": [2, 2, 2]}, {"fractional": [(0.0, 0.0, 0.0)]},
                    {"export": ["ccp4"]}):  # fmt: skip
        options = large.options.map.model_copy(update=changes)
        whole = replace(large, options=large.options.model_copy(update={"map": options}))
        assert held_map_bytes(whole) == nh * nk * nl * (17 + 4)
        assert "which take the whole map" in map_remedy(options)
    tables = large.options.map.model_copy(update={"export": ["csv", "mtz"]})
    assert not needs_whole_map(tables)


def test_without_the_option_the_edge_of_the_detector_counts(finished: Context) -> None:
    """The masks that say where it is are not there before the step that makes them."""
    free = changed(finished, None, "2 kB", n=1)
    assert 1.0 < free.d_min < 2.5
    with pytest.raises(UserError, match="make the map"):
        check_map_size(free)
    elsewhere = free.options.output.model_copy(update={"directory": "edge"})
    fresh = replace(free, options=free.options.model_copy(update={"output": elsewhere}))
    fresh.out.mkdir()
    mask_pixels(fresh)
    assert fresh.path("masks.nxs").is_file()


@pytest.mark.parametrize("d_min", [0.001, 1e-5, 1e-300])
def test_statistics_do_not_count_for_ever(d_min: float, finished: Context) -> None:
    merged = load(finished.path("merged.nxs"))
    given = merged, finished.group, finished.metric, d_min, 1 / d_min / 20
    begun = time.perf_counter()
    with pytest.raises(UserError, match=r"d_min = .* Å holds .* of them\. Choose a larger"):
        completeness(*given)
    with pytest.raises(UserError, match="count the voxels"):
        shell_table(*given)
    assert time.perf_counter() - begun < 1.0


def test_statistics_of_a_usual_resolution_are_counted(finished: Context) -> None:
    merged = load(finished.path("merged.nxs"))
    seen, possible = completeness(merged, finished.group, finished.metric, 2.0, 0.1)
    assert 0 < seen.sum() <= possible.sum()
    assert (seen <= possible).all()
