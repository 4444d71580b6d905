"""Shards that cannot be reduced: tried again, then an error that names them, or left out."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ewaldite.errors import UserError
from ewaldite.run.durable import WriteError
from ewaldite.run.options import Failures
from ewaldite.run.pool import WorkerDied

_logger = logging.getLogger(__name__)

#: How often a shard is tried.
ATTEMPTS = 3


class ShardError(UserError):
    """A shard failed as often as it was tried."""


@dataclass(frozen=True)
class Skipped:
    """A shard that was left out.

    Attributes
    ----------
    label:
        Which, with its file.
    reason:
        Why it could not be reduced.
    """

    label: str
    reason: str

    def __str__(self) -> str:
        """One sentence for the log."""
        return f"left out: {self.label}: {self.reason}"


def tried_enough(error: BaseException, attempts: int) -> bool:
    """Whether a shard that failed so often, the last time so, is not tried again.

    A mistake of the user does not go away by itself, and who interrupts wants to stop.
    """
    return (
        attempts >= ATTEMPTS or isinstance(error, UserError) or not isinstance(error, Exception)
    )


def describe(error: BaseException) -> str:
    """Say in one line what was raised."""
    if isinstance(error, UserError | WorkerDied):
        return str(error)
    return f"{type(error).__name__}: {error}"


def given_up(label: str, error: BaseException, attempts: int) -> BaseException:
    """What is raised for a shard that is not tried again.

    Parameters
    ----------
    label:
        Which shard, with its file.
    error:
        What it raised last.
    attempts:
        How often it was tried.

    Returns
    -------
    :
        Mistakes of the user and interrupts as they are; else an error that names the shard.
    """
    if isinstance(error, UserError) or not isinstance(error, Exception):
        return error
    wrapped = ShardError(
        f"reduce {label}",
        f"it failed {attempts} times, at last with {describe(error)}",
        "What is finished is kept: mend the cause and run the same command again, "
        "or let failures = 'skip' leave out what cannot be reduced.",
    )
    wrapped.__cause__ = error
    return wrapped


def may_skip(error: BaseException, failures: Failures) -> bool:
    """Whether the run goes on without a shard that raised this."""
    # With a full disk all the others would fail as well
    of_the_disk = isinstance(error, WriteError)
    return failures == "skip" and isinstance(error, Exception) and not of_the_disk


def say_again(label: str, error: BaseException, attempts: int) -> None:
    """Log that a shard failed and is tried again."""
    _logger.warning(
        "%s failed (%s); attempt %d of %d follows",
        label,
        describe(error),
        attempts + 1,
        ATTEMPTS,
    )
