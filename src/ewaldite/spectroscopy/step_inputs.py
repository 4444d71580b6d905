"""What the results of a neutron run depend on, as inputs of its steps."""

from __future__ import annotations

from pathlib import Path

from ewaldite.model.provenance import installed_version
from ewaldite.spectroscopy.context import Context

# Masks that need a crystal: they do not apply to vanadium and the empty run
_OF_CRYSTAL = {"bragg", "currat_axe", "higher_orders", "polygon"}


def reading_inputs(context: Context, *files: Path | None) -> dict[str, object]:
    """What the events and the flux of any run depend on."""
    options = context.options
    return {
        "version": installed_version(),
        "primary": options.primary,
        "monitor": options.monitor,
        "mask": options.mask.model_dump(exclude=_OF_CRYSTAL),
        "calibration": options.calibration,
        "normalise": options.normalise.model_dump(include={"monitor", "minimum_counts"}),
        "files": context.stamps(*files, options.mask.file, options.primary.table),
    }


def level_inputs(context: Context) -> dict[str, object]:
    """What the level of a run depends on, besides all that its events do."""
    asked = context.options.time_background
    if asked is None:
        return {}
    return {"time_background": asked.model_dump(exclude={"vanadium"})}


def levels_vanadium(context: Context) -> bool:
    """Whether the vanadium loses a constant background of its own."""
    asked = context.options.time_background
    return asked is not None and asked.vanadium


def run_inputs(context: Context) -> dict[str, object]:
    """What the events of the sample's runs depend on."""
    options = context.options
    return {
        **reading_inputs(context, *(run.file for run in options.run)),
        "run": options.run,
        "sample": options.sample,
        "mask": options.mask,
    }
