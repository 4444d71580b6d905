"""Compiled loops with their annotations kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a loop over plain arrays; it releases the interpreter lock, cached on disk."""
    return cast(F, numba.njit(nogil=True, cache=True)(function))
