"""Options of how work is done, the same for both chains."""

from __future__ import annotations

from pydantic import Field

from ewaldite.run.section import Section


class RunOptions(Section):
    """How the work is done; does not change results."""

    workers: int | None = Field(None, ge=1, description="threads; default: the processors")
    memory: str | None = Field(None, description="budget, as '1.5 GB'; default: what is free")
