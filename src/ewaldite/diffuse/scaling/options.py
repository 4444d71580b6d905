"""Options of scaling: the section ``[scale]`` of the TOML file."""

from __future__ import annotations

from pydantic import Field

from ewaldite.diffuse.section import Section, Triple
from ewaldite.model.grid import Grid, GridMode


class ScaleOptions(Section):
    """The table of observations."""

    subdivide: Triple = Field((1, 1, 1), description="voxels a cell along a*, b*, c*")
    mode: GridMode = Field("node", description="node or split: where voxels lie for even n")
    minimum_pixels: int = Field(1, ge=1, description="fewer pixels make no observation")
    bragg_within_degrees: float = Field(
        1.0,
        ge=0,
        description="join the parts of a reflection that lie within this span in one sweep",
    )
    merge_within_degrees: float = Field(
        0.0, ge=0, description="join observations of one voxel in a sweep within this span"
    )

    @property
    def grid(self) -> Grid:
        """The grid of the observations."""
        return Grid(self.subdivide, self.mode)
