from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ewaldite.errors import UserError
from ewaldite.run.steps import Step, run_steps, stale_steps

LOG = logging.getLogger("test")
NEEDS = {
    "mask": (),
    "filter": ("mask",),
    "integrate": ("mask", "filter"),
    "correct": ("mask",),
    "merge": ("integrate", "correct"),
    "plot": ("merge",),
}


class Chain:
    """Six steps, each of which writes what it is made of."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.folder = folder
        self.options: dict[str, object] = dict.fromkeys(NEEDS, 0) | options
        self.ran: list[str] = []
        self.fail: str | None = None

    def steps(self) -> list[Step]:
        return [
            Step(name, needs, (self.folder / name,), {"x": self.options[name]}, self._run(name))
            for name, needs in NEEDS.items()
        ]

    def _run(self, name: str) -> Callable[[], None]:
        def run() -> None:
            if name == self.fail:
                raise UserError("run", "it failed", "Mend it.")
            inner = ",".join((self.folder / need).read_text() for need in NEEDS[name])
            (self.folder / name).write_text(f"{name}{self.options[name]}({inner})")
            self.ran.append(name)

        return run

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    def go(self, only: list[str] | None = None) -> list[str]:
        self.ran = []
        predicted = list(stale_steps(self.steps(), self.state, only))
        done = run_steps(self.steps(), self.state, LOG, only)
        assert done == self.ran == predicted
        return done

    def result(self) -> str:
        return (self.folder / "plot").read_text()


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    return Chain(tmp_path)


def dependents(name: str) -> set[str]:
    out = {name}
    for step, needs in NEEDS.items():
        if out & set(needs):
            out.add(step)
    return out


def test_all_once_then_nothing(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert chain.go() == list(NEEDS)
    assert "mask: not done yet" in caplog.messages
    assert chain.go() == []
    assert "plot: unchanged, kept" in caplog.messages


@pytest.mark.parametrize("name", NEEDS)
def test_a_changed_option_redoes_exactly_what_depends_on_it(chain: Chain, name: str) -> None:
    chain.go()
    chain.options[name] = 1
    assert set(chain.go()) == dependents(name)
    assert chain.go() == []


class StoppedClock:
    @staticmethod
    def monotonic() -> float:
        return 7.0


def test_the_log_says_what_and_why(
    chain: Chain, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.go()
    caplog.set_level(logging.INFO)
    caplog.clear()
    chain.options["integrate"] = 1
    monkeypatch.setattr("ewaldite.run.steps.time", StoppedClock)
    chain.go()
    assert caplog.messages == [
        "mask: unchanged, kept",
        "filter: unchanged, kept",
        "integrate: x changed",
        "integrate: done in 0 s",
        "correct: unchanged, kept",
        "merge: needs integrate, which was redone",
        "merge: done in 0 s",
        "plot: needs merge, which was redone",
        "plot: done in 0 s",
    ]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(list(NEEDS)), st.integers(0, 2), st.booleans()), max_size=6
    )
)
def test_after_any_history_the_result_is_that_of_a_fresh_run(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, int, bool]]
) -> None:
    chain = Chain(tmp_path_factory.mktemp("old"))
    for name, value, fails in history:
        chain.options[name] = value
        chain.fail = name if fails else None
        try:
            run_steps(chain.steps(), chain.state, LOG)
        except UserError:
            assert fails
    chain.fail = None
    chain.go()
    fresh = Chain(tmp_path_factory.mktemp("new"), **chain.options)
    fresh.go()
    assert chain.result() == fresh.result()


def test_a_missing_file_is_made_again_with_what_builds_on_it(chain: Chain) -> None:
    chain.go()
    (chain.folder / "correct").unlink()
    reasons = stale_steps(chain.steps(), chain.state)
    assert list(reasons) == ["correct", "merge", "plot"]
    assert reasons["correct"] == f"its file {chain.folder / 'correct'} is missing"
    assert chain.go() == ["correct", "merge", "plot"]


def test_a_file_that_someone_changed_is_made_again(chain: Chain) -> None:
    chain.go()
    path = chain.folder / "filter"
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert "was changed since" in stale_steps(chain.steps(), chain.state)["filter"]
    assert chain.go() == ["filter", "integrate", "merge", "plot"]


def test_a_step_that_fails_keeps_those_before_it(chain: Chain) -> None:
    chain.fail = "merge"
    with pytest.raises(UserError, match="it failed"):
        run_steps(chain.steps(), chain.state, LOG)
    chain.fail = None
    assert chain.go() == ["merge", "plot"]


def test_a_need_that_was_redone_in_a_run_that_then_failed_still_counts(chain: Chain) -> None:
    """Even if its options and its file's size are the same as before."""
    chain.go()
    (chain.folder / "integrate").unlink()
    chain.fail = "merge"
    with pytest.raises(UserError):
        run_steps(chain.steps(), chain.state, LOG)
    chain.fail = None
    reasons = stale_steps(chain.steps(), chain.state)
    assert list(reasons) == ["merge", "plot"]


def test_a_step_that_is_killed_while_it_replaces_its_files_is_not_done(chain: Chain) -> None:
    chain.go()
    chain.options["correct"] = 1
    chain.fail = "correct"
    with pytest.raises(UserError):
        run_steps(chain.steps(), chain.state, LOG)
    chain.options["correct"] = 0  # back to what the record said
    chain.fail = None
    assert chain.go()[0] == "correct"


def test_only_brings_up_to_date_what_is_named_and_what_it_needs(chain: Chain) -> None:
    assert chain.go(["filter"]) == ["mask", "filter"]
    assert chain.go(["merge"]) == ["integrate", "correct", "merge"]
    chain.options["mask"] = 1
    assert chain.go(["correct"]) == ["mask", "correct"]
    assert chain.go() == ["filter", "integrate", "merge", "plot"]


def test_a_misspelt_step_gets_the_nearest_name(chain: Chain) -> None:
    with pytest.raises(UserError, match="Did you mean 'integrate'") as caught:
        chain.go(["intergate"])
    assert "mask, filter, integrate" in caught.value.remedy
    assert chain.ran == []


def test_a_torn_state_file_redoes_all(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    chain.go()
    chain.state.write_text(chain.state.read_text()[:99])
    assert chain.go() == list(NEEDS)
    assert "all steps are redone" in caplog.text


def test_new_and_dropped_needs_redo(tmp_path: Path) -> None:
    def steps(needs: tuple[str, ...]) -> list[Step]:
        return [Step("a", (), (), "x", lambda: None), Step("b", needs, (), "x", lambda: None)]

    state = tmp_path / "s"
    run_steps(steps(()), state, LOG)
    assert run_steps(steps(("a",)), state, LOG) == ["b"]
    assert run_steps(steps(()), state, LOG) == ["b"]
    assert run_steps(steps(()), state, LOG) == []


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("digest one", "digest two", "option or input changed"),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, "a.c changed"),
        ({"a": 1}, {"a": 1, "b": 2}, "b changed"),
        ({"a": 1, "b": 2}, {"b": 2}, "a changed"),
        (dict.fromkeys("abcde", 1), dict.fromkeys("abcde", 2), "a, b, c and 2 more changed"),
    ],
)
def test_the_reason_names_the_option(
    tmp_path: Path, old: object, new: object, reason: str
) -> None:
    state = tmp_path / "s"
    run_steps([Step("a", (), (), old, lambda: None)], state, LOG)
    stale = stale_steps([Step("a", (), (), new, lambda: None)], state)
    assert stale == {"a": reason}


def test_mistakes_of_the_caller(tmp_path: Path) -> None:
    def step(name: str, *needs: str, makes: tuple[Path, ...] = ()) -> Step:
        return Step(name, needs, makes, 0, lambda: None)

    state = tmp_path / "s"
    with pytest.raises(ValueError, match="two steps"):
        run_steps([step("a"), step("a")], state, LOG)
    with pytest.raises(ValueError, match="do not come before"):
        run_steps([step("a", "b"), step("b")], state, LOG)
    with pytest.raises(RuntimeError, match="without making"):
        run_steps([step("a", makes=(tmp_path / "absent",))], state, LOG)


def test_a_step_is_tidied_after_it_is_recorded_and_whenever_it_is_kept(tmp_path: Path) -> None:
    made, state = tmp_path / "made", tmp_path / "state.json"
    recorded: list[bool] = []

    def run() -> None:
        made.touch()

    def tidy() -> None:
        recorded.append(state.is_file() and "made" in state.read_text())
        if len(recorded) == 1:
            raise KeyboardInterrupt

    steps = [Step("make", (), (made,), {}, run, tidy)]
    with pytest.raises(KeyboardInterrupt):
        run_steps(steps, state, LOG)
    assert run_steps(steps, state, LOG) == []
    assert recorded == [True, True]


def test_what_a_killed_run_left_half_written_is_removed(tmp_path: Path) -> None:
    chain = Chain(tmp_path / "out")
    for folder in ("out/work", "out"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / ".x.nxs.0123abcd.part").touch()
    run_steps(chain.steps(), tmp_path / "out" / "work" / "state.json", LOG)
    assert not list(tmp_path.rglob(".*"))
