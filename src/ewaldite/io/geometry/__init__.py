"""Readers of refined geometry: XDS, DIALS, NXmx."""

from __future__ import annotations

from ewaldite.io.geometry.read import read_geometry
from ewaldite.io.geometry.xparm import write_xparm

__all__ = ["read_geometry", "write_xparm"]
