from __future__ import annotations

from typing import Any

import h5py
import pytest

from ewaldite.errors import UserError
from ewaldite.io.geometry import read_geometry
from ewaldite.io.geometry.read import kind_of


def test_kinds_are_told_by_content(xds_world: Any, dials_world: Any, tools: Any) -> None:
    assert kind_of(tools.write("a/strange.name", xds_world.xparm())) == "xparm"
    assert kind_of(tools.write("a/refined.json", dials_world.content())) == "dials"
    inp = tools.write("a/XDS.INP", xds_world.inp("ORGX= 1\n"))
    assert kind_of(inp) == kind_of(inp.parent) == "xds"
    with h5py.File(inp.parent / "b.dat", "w") as f:
        f["x"] = 1
    assert kind_of(inp.parent / "b.dat") == "nxmx"


def test_gxparm_is_an_xparm(xds_world: Any, tools: Any) -> None:
    text = xds_world.xparm()
    assert kind_of(tools.write("GXPARM.XDS", text)) == "xparm"
    assert kind_of(tools.write("GXPARM.XDS", text.replace("XPARM", "GXPARM"))) == "xparm"


def test_unknown_and_absent_files_are_refused(tools: Any, tmp_path: Any) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_geometry(tmp_path / "nothing.expt")
    with pytest.raises(UserError, match="of no kind that is known"):
        read_geometry(tools.write("a.txt", "some words\n"))
    with pytest.raises(UserError, match="there is no crystal"):
        read_geometry([])


def test_a_name_a_path_and_a_list_of_one_are_the_same(dials_world: Any, tools: Any) -> None:
    path = tools.write("a.expt", dials_world.content())
    sweeps = [read_geometry(x) for x in (path, str(path), [path])]
    assert {len(sweep.wedges) for sweep in sweeps} == {6}
