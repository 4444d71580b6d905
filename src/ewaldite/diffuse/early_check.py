"""What only late steps read is looked at before the images are, which take hours."""

from __future__ import annotations

from collections.abc import Sequence

from ewaldite.diffuse.absolute.inputs import read_contents, read_reference
from ewaldite.diffuse.context import Context
from ewaldite.diffuse.scaling.steps import read_start

# Steps that do not need the scale factors
_BEFORE_SCALING = {"mask", "filter", "integrate", "correct", "export", "combine"}


def check_late_inputs(context: Context, only: Sequence[str] | None = None) -> None:
    """See that files and contents that late steps want can be used.

    Parameters
    ----------
    context:
        The run.
    only:
        Steps that are asked for; None for all.

    Raises
    ------
    UserError
        If they cannot.
    """
    options = context.options
    if only is None or set(only) - _BEFORE_SCALING:
        read_start(context)
    if options.contents.given and (only is None or {"rescale", "map", "pdf"} & set(only)):
        read_contents(options.contents, context.base, context.cell)
        read_reference(options.absolute, context.base)
