"""Options of factors of the sample: the section [sample_factors]."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ewaldite.run.section import Section, in_units_of

Polarisation = Literal["none", "isotropic", "transverse", "longitudinal"]
Square = Annotated[str, in_units_of("angstrom^2")]
Unit = Literal["same", "mbarn", "muB2/meV", "muB2/eV"]


class SampleFactorOptions(Section):
    """What of the sample S is divided by; nothing, unless it is given."""

    ion: str | None = Field(
        None, description="magnetic ion whose form factor F² is divided out, as 'Fe2' for Fe²⁺"
    )
    g: float = Field(2.0, gt=0, description="Landé factor of its moment; 2 for spin alone")
    u_iso: Square | None = Field(
        None, description="Debye–Waller factor exp(-Q² U), as '0.005 angstrom^2'"
    )
    b_iso: Square | None = Field(None, description="in place of u_iso: B = 8π² U")
    polarisation: Polarisation = Field(
        "none",
        description="factor δ - Q̂Q̂: isotropic: 2; along or across the moment: 1 - cos² or 1 + "
        "cos² of the angle between it and Q",
    )
    moment: tuple[float, float, float] | None = Field(
        None, description="direction of the moment in the cell, along u a + v b + w c"
    )
    unit: Unit = Field(
        "same",
        description="of S; muB2: over (γ r0/2)², 0.07265 barn for a Bohr magneton squared",
    )

    @model_validator(mode="after")
    def _fit(self) -> SampleFactorOptions:
        if self.u_iso is not None and self.b_iso is not None:
            raise ValueError("[sample_factors] u_iso and b_iso: give one of them")
        directed = self.polarisation in ("transverse", "longitudinal")
        if directed != (self.moment is not None):
            raise ValueError(
                "[sample_factors] moment belongs to polarisation = 'transverse' or "
                "'longitudinal'"
            )
        if self.moment is not None and not any(self.moment):
            raise ValueError("[sample_factors] moment has no direction")
        return self
