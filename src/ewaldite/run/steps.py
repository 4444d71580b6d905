"""The steps of a workflow: each is redone exactly when something it depends on changed."""

from __future__ import annotations

import difflib
import gc
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ewaldite.errors import UserError
from ewaldite.run.digest import digest_parts
from ewaldite.run.durable import clear_unfinished
from ewaldite.run.lock import only_run
from ewaldite.run.memory import current_rss, give_back
from ewaldite.run.records import (
    StepRecord,
    made_files,
    read_records,
    write_records,
)
from ewaldite.run.sizes import format_seconds

_NAMED = 3
# Bytes that a step may leave behind before it is asked what they are
_LEFT = 100_000_000


@dataclass(frozen=True)
class Step:
    """One step of a workflow.

    Attributes
    ----------
    name:
        As the user calls it.
    needs:
        Steps that must be done before, whose results it reads.
    makes:
        Files that it leaves; it writes them whole or not at all.
    digest_of:
        All that its result depends on besides ``needs``: options, stamps of input files,
        version of the program. Anything that :func:`ewaldite.run.digest.digest` takes; a
        mapping, dataclass or pydantic model lets the log name the option that has changed.
    run:
        Does it.
    tidy:
        Removes what is of no use when the step is done and recorded, as checkpoints of its
        shards. Called whenever the step is found done, so that it may be killed as well.
    """

    name: str
    needs: tuple[str, ...]
    makes: tuple[Path, ...]
    digest_of: object
    run: Callable[[], None]
    tidy: Callable[[], None] | None = None


def run_steps(
    steps: Sequence[Step],
    state_file: Path,
    log: logging.Logger,
    only: Iterable[str] | None = None,
) -> list[str]:
    """Do the steps that are not done or no longer hold; say in the log which and why.

    Parameters
    ----------
    steps:
        In an order in which every step comes after those that it needs.
    state_file:
        Where finished steps are recorded; written after each.
    log:
        Gets a line for every step.
    only:
        Names of steps to bring up to date, with all that they need; None for all.

    Returns
    -------
    :
        Names of the steps that were done.

    Raises
    ------
    UserError
        If ``only`` names an unknown step; if another run is at work in the folder; if the disk
        is full. Whatever a step raises passes as it is, and the steps before it stay done.
    """
    wanted = _wanted(steps, only)
    with only_run(state_file.parent):
        clear_unfinished(state_file.parent, below=True)
        for folder in {path.parent for step in wanted for path in step.makes}:
            clear_unfinished(folder)
        return _do(wanted, state_file, log)


def _do(wanted: Sequence[Step], state_file: Path, log: logging.Logger) -> list[str]:
    records = read_records(state_file)
    redone: list[str] = []
    for step in wanted:
        reason = _reason(step, records, redone, state_file.parent)
        if reason is None:
            log.info("%s: unchanged, kept", step.name)
            _tidy(step)
            continue
        log.info("%s: %s", step.name, reason)
        if records.pop(step.name, None) is not None:
            # a step that is killed while it replaces its files must not look finished
            write_records(state_file, records)
        held, began = current_rss(), time.monotonic()
        step.run()
        took = format_seconds(time.monotonic() - began)
        give_back()  # the next step asks how much is free
        if current_rss() > held + _LEFT:
            # a compiler leaves cycles behind, up to 0.8 GB of them in a first run
            gc.collect()
            give_back()
        records[step.name] = _record(step, records, state_file.parent)
        write_records(state_file, records)
        _tidy(step)
        log.info("%s: done in %s", step.name, took)
        redone.append(step.name)
    return redone


def stale_steps(
    steps: Sequence[Step], state_file: Path, only: Iterable[str] | None = None
) -> dict[str, str]:
    """Reasons of all steps that :func:`run_steps` would do now, by name; nothing is done."""
    records = read_records(state_file)
    reasons: dict[str, str] = {}
    for step in _wanted(steps, only):
        reason = _reason(step, records, list(reasons), state_file.parent)
        if reason is not None:
            reasons[step.name] = reason
    return reasons


def _tidy(step: Step) -> None:
    if step.tidy is not None:
        step.tidy()


def _wanted(steps: Sequence[Step], only: Iterable[str] | None) -> list[Step]:
    """Select the steps to look at, after a check of the whole list."""
    known: dict[str, Step] = {}
    for step in steps:
        if step.name in known:
            raise ValueError(f"two steps have the name {step.name!r}")
        missing = [need for need in step.needs if need not in known]
        if missing:
            raise ValueError(f"step {step.name!r} needs {missing}, which do not come before it")
        known[step.name] = step
    if only is None:
        return list(steps)
    wanted: set[str] = set()
    open_ = list(only)
    while open_:
        name = open_.pop()
        if name not in known:
            raise _unknown(name, list(known))
        wanted.add(name)
        open_ += known[name].needs
    return [step for step in steps if step.name in wanted]


def _unknown(name: str, known: list[str]) -> UserError:
    near = difflib.get_close_matches(name, known, n=1)
    guess = f"Did you mean {near[0]!r}? " if near else ""
    return UserError(
        f"run the step {name!r}",
        "there is no step of this name",
        f"{guess}The steps are {', '.join(known)}.",
    )


def _reason(
    step: Step, records: Mapping[str, StepRecord], redone: Sequence[str], folder: Path
) -> str | None:
    """Why a step must be done; None where it holds."""
    record = records.get(step.name)
    if record is None:
        return "not done yet"
    changed = _changed(record.options, digest_parts(step.digest_of))
    if changed:
        return changed
    for need in step.needs:
        held = records[need].fingerprint if need in records else None
        if need in redone or held != record.needs.get(need):
            return f"needs {need}, which was redone"
    if set(record.needs) != set(step.needs):
        return "needs other steps than before"
    return _files_changed(step, record, folder)


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> str | None:
    """Names of the options whose digest changed, in words."""
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    if not names:
        return None
    if "" in names:
        return "option or input changed"
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more} changed"


def _files_changed(step: Step, record: StepRecord, folder: Path) -> str | None:
    missing = [path for path in step.makes if not path.is_file()]
    if missing:
        return f"its file {missing[0]} is missing"
    for path, now in zip(step.makes, made_files(folder, step.makes), strict=True):
        if now not in record.files:
            return f"its file {path} was changed since"
    return None


def _record(step: Step, records: Mapping[str, StepRecord], folder: Path) -> StepRecord:
    missing = [path for path in step.makes if not path.is_file()]
    if missing:
        raise RuntimeError(f"the step {step.name!r} ended without making {missing}")
    needs = {need: records[need].fingerprint for need in step.needs}
    return StepRecord(digest_parts(step.digest_of), needs, made_files(folder, step.makes))
