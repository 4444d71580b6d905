"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
ORACLES = ROOT / "tests" / "oracles"

# The same examples in every run: a bound of 4.5 standard errors is else crossed some day by a
# change that has nothing to do with it. HYPOTHESIS_EXPLORE=1 draws new ones.
settings.register_profile("fixed", derandomize=True)
if not os.environ.get("HYPOTHESIS_EXPLORE"):
    settings.load_profile("fixed")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data beside the checkout, which is not part of the project."""
    folder = Path(os.environ.get("EWALDITE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(
            f"needs the real data that are not part of the project ({folder} is absent)"
        )
    return folder


@pytest.fixture(autouse=True, scope="module")
def compiled_where_met(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let both processes of the test run compile what they meet.

    Else one would wait while a third compiled what no test of theirs may need.
    """
    if request.path.parent.name == "run":
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ewaldite.run.kept_loops.KeptLoops.missing", lambda *_: ())
        yield
