"""Bragg intensities of other programs: MTZ and XDS_ASCII."""

from __future__ import annotations

from ewaldite.io.reflections.mtz import read_mtz
from ewaldite.io.reflections.read import read_reflections
from ewaldite.io.reflections.reflections import Reflections
from ewaldite.io.reflections.xds_ascii import read_xds_ascii

__all__ = ["Reflections", "read_mtz", "read_reflections", "read_xds_ascii"]
