from __future__ import annotations

import multiprocessing
import os
import pickle
import threading

import numpy as np
import pytest

from ewaldite.run.parcel import receive, send


def through(content: object) -> object:
    ours, theirs = multiprocessing.Pipe()
    sender = threading.Thread(target=send, args=(theirs, content))
    sender.start()
    found = receive(ours)
    sender.join()
    ours.close()
    theirs.close()
    return found


def test_arrays_of_any_kind_come_as_they_were() -> None:
    rng = np.random.default_rng(0)
    content = {
        "large": rng.normal(size=(300, 1000)),
        "fortran": np.asfortranarray(rng.normal(size=(7, 5))),
        "view": np.arange(20)[::2],
        "empty": np.empty((0, 3)),
        "scalar": np.float64(2.5),
        "words": ["a", None, (1, 2)],
    }
    found = through(content)
    assert isinstance(found, dict)
    for name in ("large", "fortran", "view", "empty"):
        np.testing.assert_array_equal(found[name], content[name])
    assert found["scalar"] == 2.5
    assert found["words"] == ["a", None, (1, 2)]
    found["large"] += 1  # sums are added in place


def test_what_cannot_be_pickled_sends_nothing() -> None:
    ours, theirs = multiprocessing.Pipe()
    with pytest.raises((AttributeError, TypeError)):
        send(theirs, lambda: 0)
    send(theirs, 7)
    assert receive(ours) == 7
    theirs.close()
    with pytest.raises(EOFError):
        receive(ours)
    ours.close()
    with pytest.raises(OSError, match="closed"):
        send(ours, 1)


def test_a_sender_that_dies_amid_an_array_is_noticed() -> None:
    ours, theirs = multiprocessing.Pipe()
    theirs.send_bytes(pickle.dumps((b"", [100])))
    os.write(theirs.fileno(), bytes(10))
    theirs.close()
    with pytest.raises(EOFError):
        receive(ours)
    ours.close()
