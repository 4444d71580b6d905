"""Events and triplets of BIFROST that another program computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORACLE: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "oracles" / "bifrost_events.json").read_text()
)
EVENTS: list[dict[str, Any]] = ORACLE["events"]


def column(name: str) -> list[Any]:
    return [event[name] for event in EVENTS]
