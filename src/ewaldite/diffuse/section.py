"""Types that sections of the diffuse configuration share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ewaldite.run.section import Section

__all__ = ["Section", "Triple", "Whole"]

Whole = Annotated[int, Field(ge=1)]
Triple = tuple[Whole, Whole, Whole]
