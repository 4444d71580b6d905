"""A progress that notes what it hears."""

from __future__ import annotations


class Recorder:
    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def start(self, name: str, total: int, unit: str) -> None:
        self.heard.append(("start", name, total, unit))

    def advance(self, done: int = 1) -> None:
        self.heard.append(("advance", done))

    def skip(self, done: int = 1) -> None:
        self.heard.append(("skip", done))

    def finish(self) -> None:
        self.heard.append(("finish",))
