"""Results in the formats of other programs: CCP4/MRC maps, MTZ, CSV."""

from __future__ import annotations

from ewaldite.io.export.ccp4 import write_ccp4
from ewaldite.io.export.csv import write_csv
from ewaldite.io.export.mtz import write_mtz

__all__ = ["write_ccp4", "write_csv", "write_mtz"]
