"""The package's front door is light."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version

import pytest

import ewaldite
from ewaldite import errors
from ewaldite.io import nexus


def test_what_it_offers() -> None:
    assert ewaldite.load is nexus.load
    assert ewaldite.save is nexus.save
    assert ewaldite.__version__ == version("ewaldite")
    assert ewaldite.UserError is errors.UserError
    assert ewaldite.MissingExtraError is errors.MissingExtraError
    assert set(ewaldite.__all__) <= set(dir(ewaldite))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        ewaldite.lod  # noqa: B018


def test_importing_it_imports_no_numerical_library() -> None:
    script = (
        "import sys, ewaldite; heavy = {'numpy', 'scipp', 'h5py', 'numba', 'matplotlib'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "from ewaldite import load, save;"
        "extras = {'matplotlib', 'fabio', 'hdf5plugin', 'xraylib', 'plopp', 'distributed'};"
        "assert not extras & set(sys.modules), extras & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
