from __future__ import annotations

import inspect
import json

import pytest

from ewaldite.run.loop_list import Loop, all_loops, loops_of

CHAINS = ("diffuse", "spectroscopy", "diffuse demo", "spectroscopy demo")


@pytest.mark.parametrize("loop", all_loops(("uint32",)), ids=lambda loop: loop.name)
def test_what_is_listed_is_there(loop: Loop) -> None:
    arguments = inspect.signature(loop.function.py_func).parameters
    assert len(json.loads(loop.types)) == len(arguments)


def test_both_chains_have_loops() -> None:
    assert {loop for chain in CHAINS for loop in loops_of((chain,), ("int32",))} == set(
        all_loops(("int32",))
    )
    assert min(len(loops_of((chain,), ("int32",))) for chain in CHAINS[:2]) > 9
    assert all(l.module.startswith("ewaldite.simulate.") for l in loops_of(CHAINS[2:]))


def test_loops_over_images_follow_the_type_of_their_counts() -> None:
    none, one, two = (
        loops_of(("diffuse",), counts)
        for counts in ((), ("uint16",), ("uint16", "uint32", "uint16"))
    )
    over_images = len(one) - len(none)
    assert over_images > 1
    assert len(two) == len(none) + 2 * over_images
    assert set(none) < set(one) < set(two)
    assert len(set(two)) == len(two)
    assert all("counts[" not in loop.types for loop in two)


def test_what_decodes_takes_counts_without_a_sign() -> None:
    decoders = {
        counts: [
            loop.types for loop in loops_of(("diffuse",), (counts,)) if "deco" in loop.name
        ]
        for counts in ("int32", "uint16")
    }
    signed, unsigned = decoders["int32"], decoders["uint16"]
    assert set(unsigned) - set(signed) == {'["uint8[1C] readonly", "uint16[1C]"]'}
    assert set(signed) < set(unsigned)
