"""Options of pictures: the tables ``[[map.slice]]`` and ``[[map.line]]``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from ewaldite.diffuse.maps.parts import Part
from ewaldite.diffuse.maps.plane_spec import PlaneSpec
from ewaldite.diffuse.section import Section
from ewaldite.errors import UserError

Source = Part | Literal["pdf"]
PictureFormat = Literal["png", "svg", "pdf", "csv"]
Point = tuple[float, float, float]

_Options = TypeVar("_Options", bound=Section)
_NAME = r"^[\w][\w .+-]*$"


def _png() -> list[PictureFormat]:
    return ["png"]


class SliceOptions(Section):
    """Picture of a plane through a map."""

    plane: str | None = Field(None, description="as in hk0, hhl, 'h k 1/2'; or u and v")
    u: Point | None = Field(None, description="first vector of the plane, r.l.u.")
    v: Point | None = Field(None, description="second vector of the plane, r.l.u.")
    origin: Point = Field((0.0, 0.0, 0.0), description="point of the plane of u and v")
    part: Source = Field("diffuse", description="which map; pdf: the 3D-ΔPDF")
    thickness: float = Field(0.0, ge=0, description="averaged over, 1/Å; of the PDF Å")
    limits: tuple[float, float] | None = Field(
        None, description="of the colours; default: from quantiles"
    )
    colours: str | None = Field(None, description="colour map of matplotlib")
    rings: list[Annotated[float, Field(gt=0)]] | None = Field(
        None, description="Å, spacings drawn as circles; default: some round ones"
    )
    format: list[PictureFormat] = Field(
        default_factory=_png, min_length=1, description="png, svg, pdf, csv"
    )
    name: str | None = Field(None, pattern=_NAME, description="of the file; default: the plane")

    @property
    def spec(self) -> PlaneSpec:
        """The plane."""
        if self.plane is not None:
            return PlaneSpec.parse(self.plane)
        return PlaneSpec.of_vectors(self.u or (), self.v or (), self.origin)

    @model_validator(mode="after")
    def _rising(self) -> SliceOptions:
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            low, high = self.limits
            raise ValueError(f"map.slice: limits: {low:g} is not below {high:g}")
        return self

    @model_validator(mode="after")
    def _one_plane(self) -> SliceOptions:
        vectors = self.u is not None and self.v is not None
        if (self.plane is None) != vectors or (self.plane and (self.u or self.v)):
            raise ValueError("map.slice: give either plane, or u and v")
        if self.plane is not None and any(self.origin):
            raise ValueError(
                "map.slice: origin goes with u and v; write the plane as 'h k 1/2'"
            )
        try:
            _ = self.spec
        except UserError as error:
            raise ValueError(f"map.slice: to {error.asked}: {error.found}") from error
        return self


class LineOptions(Section):
    """Picture of a line through a map."""

    start: Point | None = Field(None, description="r.l.u. (of the PDF Å)")
    end: Point | None = Field(None, description="r.l.u. (of the PDF Å)")
    direction: Point | None = Field(None, description="through the whole map, instead of ends")
    origin: Point = Field((0.0, 0.0, 0.0), description="point that the direction passes")
    part: Source = Field("diffuse", description="which map; pdf: the 3D-ΔPDF")
    radius: float = Field(0.0, ge=0, description="averaged over, 1/Å; of the PDF Å")
    number: int | None = Field(None, ge=2, description="of points; default: every voxel")
    format: list[PictureFormat] = Field(
        default_factory=_png, min_length=1, description="png, svg, pdf, csv"
    )
    name: str | None = Field(None, pattern=_NAME, description="of the file; default: a number")

    @model_validator(mode="after")
    def _one_line(self) -> LineOptions:
        ends = self.start is not None and self.end is not None
        if (self.direction is None) != ends or (self.direction and (self.start or self.end)):
            raise ValueError("map.line: give either start and end, or a direction")
        if self.direction is not None and not any(self.direction):
            raise ValueError("map.line: the direction is zero")
        if ends and self.start == self.end:
            raise ValueError("map.line: start and end are one point")
        return self


def checked(model: type[_Options], given: Mapping[str, object], asked: str) -> _Options:
    """Options that did not come from a configuration, with mistakes as one sentence.

    Parameters
    ----------
    model:
        Their model.
    given:
        Values by name; None is as good as absent.
    asked:
        What they are for, for the message.

    Raises
    ------
    UserError
        With all mistakes.
    """
    try:
        return model.model_validate({k: x for k, x in given.items() if x is not None})
    except ValidationError as error:
        said = [f"{' '.join(map(str, e['loc']))} {_bare(e['msg'])}" for e in error.errors()]
        text = "; ".join(dict.fromkeys(one.strip() for one in said))
        raise UserError(asked, text, "Correct the options.") from None


def _bare(message: str) -> str:
    """A mistake without what pydantic and the section put before it."""
    bare = message.removeprefix("Value error, ")
    return bare.removeprefix("map.slice: ").removeprefix("map.line: ")
