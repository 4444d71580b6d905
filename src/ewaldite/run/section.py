"""What all sections of a configuration have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the configuration: immutable, and strict about misspelt names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
