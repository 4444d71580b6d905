"""Options of the absolute scale: the sections ``[contents]`` and ``[absolute]``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from ewaldite.diffuse.section import Section


class MoleculeOptions(Section):
    """A kind of molecule; give one of formula, sequence, smiles."""

    name: str = Field("", description="for the log")
    count: float = Field(1.0, gt=0, description="molecules in the unit cell, not the asu")
    formula: str | None = Field(None, description="as 'C 613 H 959 N 193 O 185 S 10'")
    sequence: str | None = Field(None, description="one letter a residue")
    smiles: str | None = Field(None, description="in Kekulé form, as '[O-][N+](=O)[O-]'")
    polymer: Literal["protein", "dna", "rna"] = Field(
        "protein", description="what the letters of the sequence mean"
    )
    disulfides: int = Field(0, ge=0, description="S–S bonds of a sequence")
    charge: float = Field(0.0, description="net charge of a formula, elementary charges")

    @model_validator(mode="after")
    def _one_source(self) -> MoleculeOptions:
        given = [x for x in (self.formula, self.sequence, self.smiles) if x is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of formula, sequence and smiles")
        if self.charge and self.formula is None:
            raise ValueError("charge goes with a formula; a SMILES holds its own charges")
        return self


class ContentsOptions(Section):
    """What the unit cell holds; without it there is no absolute scale."""

    file: Path | None = Field(None, description="PDB or mmCIF model of the crystal")
    molecule: list[MoleculeOptions] = Field(
        default_factory=list, description="[[contents.molecule]], beside the file or alone"
    )
    waters: float | None = Field(
        None, ge=0, description="waters in the cell beside those given; default: fill the cell"
    )
    solvent_content: float | None = Field(
        None, ge=0, lt=1, description="fraction of the cell that is water, instead of waters"
    )
    fill: bool | Literal["auto"] = Field(
        "auto", description="fill the cell with water; auto: for a model or a sequence"
    )

    @property
    def given(self) -> bool:
        """Whether there is anything to count."""
        return self.file is not None or bool(self.molecule)

    @model_validator(mode="after")
    def _one_solvent(self) -> ContentsOptions:
        if self.waters is not None and self.solvent_content is not None:
            raise ValueError("give waters or solvent_content, not both")
        return self


class AbsoluteOptions(Section):
    """The absolute scale by the forward-scattering (Krogh-Moe) sum."""

    s_cutoff: float = Field(
        0.7, gt=0, description="1/Å; where the scale is read, or at the edge of the data"
    )
    s_max: float | None = Field(
        None, gt=0, description="1/Å; end of the curves, the data's edge"
    )
    shells: int | None = Field(
        None, ge=2, description="from 0 to s_max, equal in s²; default: 500 to 1 1/Å or fewer"
    )
    bonds: int = Field(
        2, ge=0, description="interference of atoms up to so many bonds apart; 0: of none"
    )
    anomalous: bool = Field(True, description="f' and f'' at the wavelength")
    recoil: bool = Field(False, description="Breit-Dirac factor of the Compton scattering")
    reference: Path | None = Field(
        None, description="MTZ or XDS_ASCII with Bragg intensities, scaled to ours"
    )
    reference_columns: tuple[str, str] | None = Field(
        None, description="labels of I and its sigma in the MTZ file; default: the first"
    )
    reference_use: Literal["missing", "all"] = Field(
        "missing",
        description="reflections taken from the reference: those that we lack, or all",
    )
