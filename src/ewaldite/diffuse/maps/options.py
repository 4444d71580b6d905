"""Options of maps: the section ``[map]`` of the TOML file."""

from __future__ import annotations

from pydantic import Field

from ewaldite.diffuse.section import Section, Triple
from ewaldite.model.grid import Grid, GridMode


class MapOptions(Section):
    """The grid of the map."""

    subdivide: Triple = Field((3, 3, 3), description="voxels a cell along a*, b*, c*")
    mode: GridMode = Field("node", description="node or split: where voxels lie for even n")
    d_min: float | None = Field(None, gt=0, description="Å; default: the detector's edge")
    d_max: float | None = Field(None, gt=0, description="Å; default: none")

    @property
    def grid(self) -> Grid:
        """The grid of the map."""
        return Grid(self.subdivide, self.mode)
