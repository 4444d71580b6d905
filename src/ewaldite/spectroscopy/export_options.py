"""Options of exports: the section [export]."""

from __future__ import annotations

from pydantic import Field, model_validator

from ewaldite.run.section import Section


class ExportOptions(Section):
    """Spectra of single pixels for other programs: NXspe, and SQW for Horace."""

    energy_step: float = Field(0.05, gt=0, description="ranges of energy transfer, meV")
    energy: tuple[float, float] | None = Field(
        None, description="lower and upper limit of the energy transfer, meV; default: all"
    )
    turn: float = Field(
        0.2, gt=0, description="rotations that differ by no more are one run of theirs, degrees"
    )
    image_bins: int = Field(
        50, ge=1, le=1000, description="of the image in an SQW file, along each axis; fewer "
        "where there would be more than a million",
    )  # fmt: skip

    @model_validator(mode="after")
    def _ascending(self) -> ExportOptions:
        if self.energy is not None:
            low, high = self.energy
            if not low + self.energy_step <= high:
                raise ValueError(f"[export] energy from {low:g} to {high:g} holds no step")
        return self
