"""Options of scaling: the section ``[scale]`` of the TOML file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ewaldite.diffuse.scaling.program import ProgramStep, parse_program
from ewaldite.diffuse.section import Section, Triple, Whole
from ewaldite.model.grid import Grid, GridMode

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
ModelTerm = Literal["a", "b", "c", "d"]

#: The program of mdx-lib.
DEFAULT_PROGRAM = ("b", "outliers", "cb", "outliers 5", "c", "a", "d")


class Smoothness(Section):
    """Weights of smoothness, relative to what the data say about the control points.

    The weight of ``|B p|²`` is the number times ``tr(AᵀA) / tr(BᵀB)``, of ``|p|²`` (of c, and
    of d - 1) the number times the largest element of ``AᵀA``. The numbers are those of mdx-lib.
    """

    a_plane: NotNegative = Field(10.0, description="a, over the detector")
    a_rotation: NotNegative = Field(1.0, description="a, along the rotation")
    b: NotNegative = Field(1.0, description="b, along the rotation")
    c_length: NotNegative = Field(100.0, description="c, along |s|")
    c_rotation: NotNegative = Field(10.0, description="c, along the rotation")
    c_size: NotNegative = Field(1e-3, description="c, towards zero")
    d: NotNegative = Field(0.01, description="d, towards one")
    relative_b: NotNegative = Field(1.0, description="relative B, along the rotation")


class ScaleOptions(Section):
    """The table of observations, and the scale factors that make them agree."""

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
    terms: Literal["auto"] | tuple[ModelTerm, ...] = Field(
        "auto",
        description="a absorption, b scale, c offset, d detector; auto keeps those that help",
    )
    relative_b: bool = Field(False, description="refine a relative B (dose) of each sweep")
    method: Literal["joint", "alternating"] = Field(
        "joint", description="all terms at once, or one after another by the program"
    )
    program: tuple[str, ...] = Field(
        DEFAULT_PROGRAM,
        description="steps of method alternating: term(s), iterations, tolerance; "
        "or outliers, sigma",
    )
    friedel: bool = Field(True, description="Friedel mates are equivalent (Laue group)")
    share_d: bool = Field(True, description="all sweeps share one d")
    b_degrees: Positive = Field(1.0, description="rotation between control points of b")
    b_points: Whole | None = Field(None, description="or their number")
    c_shells: Whole = Field(31, description="control points of c along |s|")
    c_degrees: Positive = Field(2.5, description="rotation between control points of c")
    c_points: Whole | None = Field(None, description="or their number")
    a_grid: tuple[Whole, Whole] = Field((9, 9), description="control points of a, ix and iy")
    a_degrees: Positive = Field(7.5, description="rotation between control points of a")
    a_points: Whole | None = Field(None, description="or their number")
    d_kind: Literal["panel", "chip", "grid"] = Field(
        "panel", description="d for each panel, each chip, or on a grid over the detector"
    )
    d_chip: tuple[Positive, Positive] = Field(
        (494, 212), description="pitch of chips in pixels, fast and slow"
    )
    d_grid: tuple[Whole, Whole] = Field((20, 20), description="control points of d, ix and iy")
    relative_b_degrees: Positive = Field(10.0, description="between points of relative B")
    counts_per_point: NotNegative = Field(
        1_000,
        description="take fewer control points where there are fewer counts for each; 0: never",
    )
    adapt_smoothness: bool = Field(
        True, description="method joint: the data set the weights of smoothness"
    )
    smoothness: Smoothness = Field(
        Smoothness(), description="weights to begin with, or to keep"
    )
    outlier_sigma: Positive | None = Field(
        5.0, description="reject beyond so many rms residuals, on both sides"
    )
    start: dict[str, str] | str | None = Field(
        None,
        description="scale factors of another program: a table or INTEGRATE.LP, of all sweeps "
        "or by the name of each",
    )
    iterations: Whole = Field(20, description="most iterations of method joint")
    tolerance: Positive = Field(
        1e-4, description="stop when target and parameters change relatively by less"
    )
    seed: int = Field(0, ge=0, description="of the halves that decide on terms")

    @field_validator("program")
    @classmethod
    def _known_steps(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        parse_program(steps)
        return steps

    @field_validator("terms")
    @classmethod
    def _some_terms(cls, terms: object) -> object:
        if terms != "auto" and not terms:
            raise ValueError("'terms' in [scale] is empty; give 'auto' or some of a, b, c, d")
        return terms

    @model_validator(mode="after")
    def _joint_for_dose(self) -> ScaleOptions:
        if self.relative_b and self.method != "joint":
            raise ValueError("'relative_b' in [scale] needs method = 'joint'")
        return self

    @property
    def steps(self) -> tuple[ProgramStep, ...]:
        """The program."""
        return parse_program(self.program)

    @property
    def grid(self) -> Grid:
        """The grid of the observations."""
        return Grid(self.subdivide, self.mode)
