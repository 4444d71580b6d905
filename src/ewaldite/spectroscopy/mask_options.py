"""Options of what is left out: the section [mask]."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ewaldite.run.section import Section, in_units_of

Time = Annotated[str, in_units_of("s")]
MaskName = Field(pattern=r"^[A-Za-z]\w*$", max_length=40, description="name of the mask")
Axis = Literal["h", "k", "l", "Q", "energy_transfer", "incident_energy", "A4"]


class WindowOptions(Section):
    """An interval of the time since the last pulse that is left out: the prompt pulse, say."""

    name: str = MaskName
    start: Time = Field(description="with unit, as in '0 ms'")
    stop: Time = Field(description="with unit, as in '2.5 ms'")


class PolygonOptions(Section):
    """A region over two axes that is left out."""

    name: str = MaskName
    axes: tuple[Axis, Axis] = Field(description="in r.l.u., 1/Å, meV, degrees")
    vertices: list[tuple[float, float]] = Field(min_length=3, description="corners in order")


class BraggOptions(Section):
    """Bragg peaks."""

    radius: float = Field(gt=0, description="around whole hkl, 1/Å")
    energy: float = Field(0.2, gt=0, description="largest |ΔE|, meV")


class EventMaskOptions(Section):
    """What is left out, each as a named and counted mask."""

    tube_ends: int = Field(0, ge=0, description="pixels at each end of a tube")
    dead: list[int] = Field(default_factory=list, description="detector numbers that are dead")
    pixels: list[int] = Field(default_factory=list, description="further detector numbers")
    file: Path | None = Field(None, description="text file with detector numbers, one a line")
    times: list[tuple[float, float]] = Field(
        default_factory=list, description="intervals of the run, s from its first pulse"
    )
    minimum_charge: float = Field(
        0.1, ge=0, lt=1, description="smallest proton charge of a pulse that counts / median"
    )
    chopper_delay: Time = Field(
        "50 us", description="largest deviation of a chopper's delay from its median"
    )
    chopper_speed: float = Field(
        0.05, gt=0, description="largest deviation of a chopper's speed from its median, Hz"
    )
    unknown_pixels: bool = Field(
        False, description="mask events of no pixel; else they are an error"
    )
    window: list[WindowOptions] = Field(
        default_factory=list, description="intervals of the time since the last pulse"
    )
    bragg: BraggOptions | None = Field(None, description="Bragg peaks")
    currat_axe: float | None = Field(
        None, gt=0, description="radius of Bragg scattering that makes this spurion, 1/Å"
    )
    higher_orders: float | None = Field(
        None, gt=0, description="relative half width in energy of elastic λ/2 and λ/3"
    )
    polygon: list[PolygonOptions] = Field(
        default_factory=list, description="regions over two axes"
    )

    @model_validator(mode="after")
    def _intervals_ascend(self) -> EventMaskOptions:
        for low, high in self.times:
            if low >= high:
                raise ValueError(f"[mask] times: {low} is not before {high}")
        return self

    @property
    def of_crystal(self) -> bool:
        """Whether a mask depends on how the crystal stands."""
        return self.bragg is not None or bool(self.polygon)
