"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORACLES = ROOT / "tests" / "oracles"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the checkout, which is not part of the project."""
    folder = Path(os.environ.get("EWALDITE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"needs the real data that are not part of the project ({folder} is absent)"
        )
    return folder
