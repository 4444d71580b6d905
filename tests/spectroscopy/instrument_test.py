from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipp as sc

from ewaldite.errors import UserError
from ewaldite.geometry.rotation import rotation_matrix
from ewaldite.model.time_log import TimeLog
from ewaldite.spectroscopy.design import design_triplets
from ewaldite.spectroscopy.instrument import Instrument
from geometry.bifrost import EVENTS, ORACLE

INSTRUMENT = Instrument.from_triplets(design_triplets())


def test_has_every_pixel_once_in_file_order() -> None:
    assert len(INSTRUMENT) == 13_500
    assert np.array_equal(np.sort(INSTRUMENT.detector_number), np.arange(1, 13_501))
    # Channel by channel, in it arc by arc, in it tube by tube
    order = np.lexsort((INSTRUMENT.pixel, INSTRUMENT.tube, INSTRUMENT.arc, INSTRUMENT.channel))
    assert np.array_equal(order, np.arange(13_500))


def test_the_design_is_the_one_that_files_are_made_of() -> None:
    for triplet in design_triplets():
        known = ORACLE["instrument"]["triplets"][triplet.name]
        np.testing.assert_allclose(np.linalg.norm(triplet.analyser), known["Lsa"], rtol=1e-12)
        onward = np.linalg.norm(triplet.centre - triplet.analyser)
        np.testing.assert_allclose(onward, known["Lad"], rtol=1e-12)
        assert (triplet.channel + 1, triplet.arc + 1) == (known["c"], known["a"])
    assert ORACLE["instrument"]["L1_m"] == INSTRUMENT.primary_length


@pytest.mark.parametrize("event", EVENTS, ids=lambda e: e["detector_number"])
def test_rows_agree_with_an_independent_program(event: dict) -> None:
    row = INSTRUMENT.rows(event["detector_number"])
    turn = rotation_matrix((0, 1, 0), event["a4_deg"])
    for known, value in (
        (event["detector_position_m"], turn @ INSTRUMENT.position[row]),
        (event["final_energy_meV"], INSTRUMENT.final_energy[row]),
        (event["final_wavenumber_invA"], INSTRUMENT.k_f[row]),
        (event["L2_m"], INSTRUMENT.L2[row]),
        (event["secondary_flight_time_ms"], 1e3 * INSTRUMENT.final_time[row]),
        (event["geometric_a4_deg"], INSTRUMENT.A4[row] + event["a4_deg"]),
    ):
        np.testing.assert_allclose(value, known, rtol=1e-8, atol=1e-10)
    place = tuple(
        getattr(INSTRUMENT, name)[row] for name in ("arc", "channel", "tube", "pixel")
    )
    assert place == (event["arc"], event["channel"], event["tube"], event["pixel"])


def test_numbers_of_no_pixel_have_no_row() -> None:
    part = Instrument.from_triplets(design_triplets()[3:5])
    number = part.detector_number
    np.testing.assert_array_equal(part.rows(number), np.arange(600))
    np.testing.assert_array_equal(part.rows([0, -7, 10**7, 1]), -1)


def test_arcs_have_their_energies() -> None:
    for arc, energy in enumerate((2.7, 3.2, 3.8, 4.4, 5.0)):
        middle = INSTRUMENT.final_energy[(INSTRUMENT.arc == arc) & (INSTRUMENT.tube == 1)]
        np.testing.assert_allclose(middle.mean(), energy, atol=0.01)


def test_table_has_units() -> None:
    table = INSTRUMENT.to_scipp()
    assert table["final_energy"].unit == sc.Unit("meV")
    assert table["position"].unit == sc.Unit("m")
    assert table.sizes == {"row": 13_500}


def test_angles_can_be_replaced() -> None:
    turned = INSTRUMENT.turned(a4=TimeLog.constant(50.0))
    assert turned.a4.at(3.0) == 50.0
    assert turned.a3 is INSTRUMENT.a3


def test_refuses_no_triplets_and_doubled_numbers() -> None:
    with pytest.raises(UserError, match="there is no triplet"):
        Instrument.from_triplets([])
    one, two = design_triplets()[:2]
    with pytest.raises(UserError, match="detector number 7 is given to a pixel of channel_1_1"):
        Instrument.from_triplets(
            [one, replace(two, detector_number=one.detector_number + np.int64(6))][:2]
        )


def test_simple_paths_differ_for_the_outer_tubes_only() -> None:
    simple = Instrument.from_triplets(design_triplets(), simple_paths=True)
    change = np.abs(simple.L2 - INSTRUMENT.L2)
    middle = INSTRUMENT.tube == 1
    assert change[middle].max() < 1e-12
    assert 5e-5 < change[~middle].max() < 2e-4
    np.testing.assert_allclose(
        simple.final_time / INSTRUMENT.final_time, simple.L2 / INSTRUMENT.L2, rtol=1e-12
    )
    np.testing.assert_array_equal(simple.final_energy, INSTRUMENT.final_energy)
