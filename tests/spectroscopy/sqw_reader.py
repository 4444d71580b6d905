"""A reader of SQW 4.0, written from the description of the format alone."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


class Stream:
    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content, self.at = content, at

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from("<" + form, self.content, self.at)
        self.at += struct.calcsize("<" + form)
        return found

    def text(self, length: int) -> str:
        self.at += length
        return self.content[self.at - length : self.at].decode()

    def counted(self) -> str:
        return self.text(self.take("I")[0])

    def value(self) -> Any:
        (tag,) = self.take("B")
        if tag == 32:
            return self.value()
        (dims,) = self.take("B")
        shape = self.take(f"{dims}I")
        size = int(np.prod(shape)) if shape else 0
        if tag == 1:
            return self.text(size)
        if tag in (0, 3):
            found = self.take(f"{size}{'?d'[tag == 3]}")
            return found[0] if shape == (1,) else np.array(found).reshape(shape, order="F")
        if tag == 23:
            return [self.value() for _ in range(size)]
        if tag == 24:
            return self.structures(shape)
        raise AssertionError(f"tag {tag}")

    def structures(self, shape: tuple[int, ...]) -> Any:
        (fields,) = self.take("I")
        names = [self.text(n) for n in self.take(f"{fields}I")]
        tag, dims = self.take("BB")
        inner = self.take(f"{dims}I")
        assert tag == 23
        assert inner == ((fields, 1) if shape == (1,) else (fields, 1, *shape))
        found = [{name: self.value() for name in names} for _ in range(int(np.prod(shape)))]
        return found[0] if shape == (1,) else found


@dataclass
class Sqw:
    program: str
    version: float
    kind: int
    dims: int
    blocks: dict[tuple[str, str], Any]
    order: list[tuple[str, str]]
    mean: np.ndarray
    variance: np.ndarray
    counts: np.ndarray
    pixels: np.ndarray
    ends: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)


def read(path: Path) -> Sqw:
    stream = Stream(path.read_bytes())
    program = stream.counted()
    version, kind, dims = stream.take("dII")
    size, number = stream.take("II")
    begin = stream.at - 4
    table = []
    for _ in range(number):
        names = stream.counted(), stream.counted(), stream.counted()
        table.append((names, stream.take("QII")))
    assert stream.at - begin == size
    blocks: dict[tuple[str, str], Any] = {}
    ends = {}
    for (form, first, second), (position, length, locked) in table:
        assert locked == 0
        part = Stream(stream.content, position)
        ends[first, second] = position, position + length
        if form == "data_block":
            blocks[first, second] = part.value()
        elif form == "dnd_data_block":
            shape = part.take(f"{part.take('I')[0]}I")
            n = int(np.prod(shape))
            image = [np.array(part.take(f"{n}{c}")).reshape(shape, order="F") for c in "ddQ"]
        else:
            rows, n = part.take("IQ")
            pixels = np.frombuffer(stream.content, "<f4", rows * n, part.at).reshape(n, rows)
            part.at += 4 * rows * n
        assert part.at == position + length
    order = [(first, second) for (_, first, second), _ in table]
    return Sqw(program, version, kind, dims, blocks, order, *image, pixels, ends)
