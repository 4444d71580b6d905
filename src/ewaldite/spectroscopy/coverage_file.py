"""The coverage of a cut on disk, equal to the bit."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from ewaldite.spectroscopy.coverage import Coverage

_CSR = ("data", "indices", "indptr", "shape")


def save_coverage(covered: Coverage, path: Path) -> None:
    """Write a coverage to an NPZ file."""
    arrays: dict[str, Any] = {}
    for field in dataclasses.fields(covered):
        value = getattr(covered, field.name)
        if isinstance(value, csr_array):
            arrays |= {f"{field.name}/{part}": getattr(value, part) for part in _CSR}
        elif value is not None:
            arrays[field.name] = value
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def load_coverage(path: Path) -> Coverage:
    """Read what :func:`save_coverage` wrote."""
    fields: dict[str, Any] = {"pixel_factor": None, "monitor_factor": None}
    parts: dict[str, dict[str, Any]] = {}
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
        for key in content.files:
            name, slash, part = key.partition("/")
            if slash:
                parts.setdefault(name, {})[part] = content[key]
            else:
                fields[name] = content[key]
    for name, csr in parts.items():
        matrix = (csr["data"], csr["indices"], csr["indptr"])
        fields[name] = csr_array(matrix, shape=tuple(csr["shape"].tolist()))
    return Coverage(**fields)
