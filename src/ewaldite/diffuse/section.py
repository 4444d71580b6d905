"""What all sections of the configuration have in common."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Whole = Annotated[int, Field(ge=1)]
Triple = tuple[Whole, Whole, Whole]


class Section(BaseModel):
    """A section of the configuration: immutable, and strict about misspelt names."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
