"""Options of where and how the work is done, the same for both chains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ewaldite.run.budget import usable_processors
from ewaldite.run.section import Section

Kind = Literal["threads", "processes", "dask"]
Failures = Literal["stop", "skip"]
Device = Literal["cpu", "gpu"]


class RunOptions(Section):
    """How the work is done; does not change results."""

    workers: int | None = Field(
        None, ge=1, description="that reduce at once; default: the processors"
    )
    memory: str | None = Field(None, description="budget, as '1.5 GB'; default: what is free")
    executor: Kind = Field("threads", description="what the workers are")
    scheduler: str | None = Field(
        None, description="of dask: its address or its file; default: a cluster of our own here"
    )
    failures: Failures = Field(
        "stop", description="of a shard that failed three times: stop, or leave it out"
    )

    @property
    def processors(self) -> int:
        """How many work at once: as asked, or as many as may be kept busy."""
        return self.workers or usable_processors()

    @property
    def packers(self) -> int:
        """Threads that pack files here, wherever the workers are."""
        return min(self.processors, usable_processors())

    @model_validator(mode="after")
    def _scheduler_of_dask(self) -> RunOptions:
        if self.scheduler is not None and self.executor != "dask":
            raise ValueError("a scheduler is of use with executor = 'dask' only")
        return self
