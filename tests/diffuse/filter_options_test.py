"""Options of the filter: what is taken and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ewaldite.diffuse.filter_options import FilterOptions
from ewaldite.model.grid import Grid


def test_what_is_documented_is_the_default():
    options = FilterOptions()
    assert (options.method, options.subdivide) == ("poisson", (3, 3, 3))
    assert (options.window, options.max_count, options.refine) == (2.0, "auto", True)
    assert options.grid == Grid((3, 3, 3))


@pytest.mark.parametrize(
    "taken",
    [
        {"window": 3},
        {"window": (1, 0, 2)},
        {"max_count": 40},
        {"method": "none"},
        {"subdivide": [2, 2, 2], "mode": "split"},
    ],
)
def test_taken_and_given_back(taken):
    options = FilterOptions(**taken)
    assert FilterOptions(**options.model_dump()) == options
    assert FilterOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    "refused",
    [
        {"windows": 2},
        {"window": 0.5},
        {"window": (-1, 0, 0)},
        {"max_count": 0},
        {"max_count": "many"},
        {"method": "gauss"},
        {"threshold": 0},
        {"overflow_threshold": -1},
        {"rounds": 0},
        {"subdivide": (3, 3)},
        {"subdivide": (0, 3, 3)},
    ],
)
def test_refused(refused):
    with pytest.raises(ValidationError):
        FilterOptions(**refused)


def test_frozen():
    with pytest.raises(ValidationError):
        FilterOptions().threshold = 5.0
