"""Flags that say where and how the work is done, the same for both chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from ewaldite.run.options import RunOptions


@Parameter(name="*")
@dataclass(frozen=True)
class Computing:
    """Flags that win over the options in the configuration."""

    workers: Annotated[
        int | None,
        Parameter(help="that reduce at once; wins over the option", validator=Number(gte=1)),
    ] = None
    memory: Annotated[
        str | None, Parameter(help="budget, as '1.5 GB'; wins over the option")
    ] = None
    executor: Annotated[
        Literal["threads", "processes", "dask"] | None,
        Parameter(help="what the workers are; wins over the option"),
    ] = None
    scheduler: Annotated[
        str | None, Parameter(help="address or file of dask's scheduler; implies dask")
    ] = None

    def over(self, options: RunOptions) -> RunOptions:
        """Put the flags that were given in the place of options.

        Raises
        ------
        UserError
            If they do not go together.
        """
        from ewaldite.errors import UserError

        executor = self.executor
        if self.scheduler is not None:
            executor = executor or "dask"
            if executor != "dask":
                raise UserError(
                    f"work with the scheduler '{self.scheduler}'",
                    f"the executor is to be {executor}",
                    "Leave --executor away, or say --executor dask.",
                )
        given = {"workers": self.workers, "memory": self.memory, "executor": executor}
        changes: dict[str, object] = {
            name: value for name, value in given.items() if value is not None
        }
        if executor is not None:
            changes["scheduler"] = self.scheduler or (
                options.scheduler if executor == "dask" else None
            )
        return type(options).model_validate({**options.model_dump(), **changes})


#: Nothing given.
AS_CONFIGURED = Computing()
