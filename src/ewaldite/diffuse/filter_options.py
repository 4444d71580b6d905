"""Options of the filter: the section ``[filter]`` of the TOML file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ewaldite.diffuse.section import Section, Triple, Whole
from ewaldite.model.grid import Grid, GridMode

Positive = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=0)]


class FilterOptions(Section):
    """Which voxels are Bragg peaks and no part of the diffuse signal."""

    method: Literal["poisson", "robust", "predicted", "none"] = Field(
        "poisson",
        description="poisson: statistics of counts; robust: median and MAD, for detectors that "
        "do not count; predicted: spots where the geometry puts them; none",
    )
    subdivide: Triple = Field((3, 3, 3), description="voxels a cell")
    mode: GridMode = Field("node", description="node or split: where voxels lie for even n")
    window: Annotated[float, Field(ge=1)] | tuple[Steps, Steps, Steps] = Field(
        2.0, description="neighbours: radius of a ball in voxels, or half a box (h, k, l)"
    )
    max_count: Whole | Literal["auto"] = Field(
        "auto", description="largest count of the histogram; a pixel above it is an overflow"
    )
    overflow_threshold: float = Field(
        0.0, ge=0, description="mask voxels whose overflowing counts sum to more than this"
    )
    threshold: Positive = Field(
        4.0,
        description="poisson: mask voxels whose counts exceed the local ones by these sigma",
    )
    divergence_threshold: Positive = Field(
        3.5, description="poisson: from these sigma on, mask what lowers the summed divergence"
    )
    robust_threshold: Positive = Field(
        5.0, description="robust: mask beyond these robust sigma"
    )
    robust_sides: Literal["high", "both"] = Field("high", description="robust: which outliers")
    rounds: Annotated[int, Field(ge=1, le=20)] = Field(
        4, description="how often at most the local level is estimated anew"
    )
    half_widths: tuple[Positive, Positive, Positive] = Field(
        (0.1, 0.1, 0.1), description="predicted: half a spot along a*, b*, c*"
    )
    half_width_unit: Literal["rlu", "1/angstrom"] = Field("rlu", description="their unit")
    spot_shape: Literal["ellipsoid", "box"] = Field("ellipsoid", description="predicted")
    refine: bool = Field(True, description="join the mask with those of both neighbour wedges")

    @property
    def grid(self) -> Grid:
        """The grid of the filter."""
        return Grid(self.subdivide, self.mode)
