"""Options of merging: the section ``[merge]`` of the TOML file."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ewaldite.diffuse.section import Section


class MergeOptions(Section):
    """Equivalent observations to one."""

    estimator: Literal["ratio", "inverse_variance"] = Field(
        "ratio", description="ratio of sums (unbiased), or the inverse-variance mean"
    )
    noise: Literal["poisson", "empirical"] = Field(
        "poisson", description="errors from counts, or from the scatter of equivalents"
    )
    friedel: bool = Field(True, description="merge Friedel mates (Laue group)")
    outlier_sigma: float | None = Field(
        None, gt=0, description="reject beyond k rms, both sides"
    )
    half_sets: Literal["random", "weighted", "friedel"] = Field(
        "random", description="how observations are split for CC1/2"
    )
    seed: int = Field(0, ge=0, description="of the half sets")
    error_model: Literal["none", "systematic"] = Field(
        "none",
        description="fit an error that is a part of the signal, sweep by sweep, so that "
        "normalised residuals have unit variance, and add it to the errors",
    )
    shells: int = Field(20, ge=1, description="number of shells of |s| for the statistics")
    rotation_degrees: float = Field(
        5.0, gt=0, description="width of a bin of rotation for the statistics"
    )

    @model_validator(mode="after")
    def _mates_to_compare(self) -> MergeOptions:
        if self.half_sets == "friedel" and not self.friedel:
            raise ValueError(
                "merge: half_sets = 'friedel' compares mates that friedel = false keeps apart"
            )
        return self
