"""What mdx2 takes to scale and merge a table; run by the interpreter of its own environment.

    python mdx2_scaling.py TABLE.npz b|abcd

Prints CPU seconds of scaling and of merging from table to table, after imports, and peak memory
in MB. Importing the tables of mdx2 needs dxtbx and cctbx, which scaling does not: where they
are not installed, empty modules stand in for them.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import resource
import sys
import time
from unittest.mock import MagicMock

import numpy as np

NEEDED = (
    "cctbx",
    "cctbx.eltbx",
    "dxtbx",
    "dxtbx.format",
    "dxtbx.format.FormatPilatusHelpers",
    "dxtbx.model",
    "dxtbx.model.experiment_list",
    "scitbx",
)
COLUMNS = ("intensity", "intensity_error", "phi", "s", "ix", "iy", "op")
OPTIONS = {"a": "absorption", "b": "scaling", "c": "offset", "d": "detector"}


def main(path: str, terms: str) -> None:
    if importlib.util.find_spec("dxtbx") is None:
        sys.modules.update({name: MagicMock() for name in NEEDED})
    from mdx2.command_line import merge, scale
    from mdx2.data import HKLTable

    with np.load(path) as arrays:
        batch = arrays["batch"]
        tables = {}
        for n in np.unique(batch):
            rows = batch == n
            hkl = (arrays[name][rows] for name in "hkl")
            columns = {name: arrays[name][rows] for name in COLUMNS}
            tables[f"{n}/table.nxs"] = HKLTable(*hkl, ndiv=(1, 1, 1), **columns)
    models: dict[str, dict[str, object]] = {name: {} for name in tables}

    def load(file: str, name: str) -> object:
        return copy.copy(tables[file]) if name == "hkl_table" else models[file][name]

    def keep(what: object, file: str, name: str = "", **_: object) -> None:
        if file in models:
            models[file][name] = what

    for module in (scale, merge):
        module.loadobj, module.saveobj = load, keep
    options = scale.Parameters(hkl=list(tables), outfile=list(tables))
    for term, name in OPTIONS.items():
        getattr(options, name).enable = term in terms
    start = time.process_time()
    scale.run_scale(options)
    scaled = time.process_time() - start
    merge.nxload = lambda file: MagicMock(entry=models[file])
    start = time.process_time()
    merge.run_merge(merge.Parameters(hkl=list(tables), scale=list(tables)))
    merged = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"scale": scaled, "merge": merged, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
