"""Draws docs/images/principle.png, the flow from event to S(Q, ω): ``python docs/flow.py``."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

from ewaldite.plot.style import COLOURS, FAINT, INK, new_figure, save_figure

EVENT, FLUX, RESULT = COLOURS[0], COLOURS[2], COLOURS[5]
WIDTH, LEFT, RIGHT, WIDE = 5.0, 2.7, 8.3, 10.6

# Middle of a box, its width and height, its head, its formulas, its colour
BOXES = (
    (LEFT, 12.7, WIDTH, 0.9, "raw event", "detector number, $t$, pulse", EVENT),
    (LEFT, 11.3, WIDTH, 0.9, "first rejection", "pixels, times, pulses: named masks", EVENT),
    (
        LEFT, 9.5, WIDTH, 1.6, "position and analyser",
        "$y = g\\,y_m + o$,  $P = C + R_z(\\theta)(P_d - C) + R_z(-\\theta_k)T$\n"
        "$\\lambda_f = 2d\\,\\sin(A_6/2)$,  $L = |P_a| + |P - P_a|$", EVENT,
    ),
    (
        LEFT, 7.45, WIDTH, 1.4, "time at the sample",
        "$t_s = t - L/v_f + nT$,  $t_{min} \\leq t_s < t_{min} + T$", EVENT,
    ),
    (
        LEFT, 5.4, WIDTH, 1.6, "incident energy",
        "parked:  $v_i = L_1 / (t_s - \\overline{t}_0)$\n"
        "spinning:  $v_i = (L_1 - z_{psc}) / (t_s - T_{psc})$", EVENT,
    ),
    (
        LEFT, 3.2, WIDTH, 1.7, "energy and momentum transfer",
        "$\\Delta E = E_i - E_f$,  $Q = k_i - k_f$\n"
        "$hkl = (UB)^{-1} R_y(-a_3)\\,Q_{lab} / 2\\pi$", EVENT,
    ),
    (LEFT, 1.5, WIDTH, 0.9, "second rejection", "Bragg, Currat–Axe, orders, regions", EVENT),
    (
        RIGHT, 12.6, WIDTH, 1.1, "monitor, protons",
        "counts $n_j$ of each step $j$, folded time $T_m$", FLUX,
    ),
    (
        RIGHT, 10.1, WIDTH, 1.8, "flux",
        "$\\Phi_j\\,\\Delta E_i = C_m k_i\\,n_j$\n"
        "$\\Phi_j = C_m k_i\\,(n_j/\\Delta T)\\;t_m/2E_i$", FLUX,
    ),
    (
        RIGHT, 7.2, WIDTH, 2.0, "vanadium run, by the same steps",
"$N_b = \\dfrac{V - s\\,U}{\\Phi_V(E_f)\\,(n_V \\sigma_{inc}/4\\pi)\\,e^{-2W} A_V}"
        "\\ = \\varepsilon\\,\\Delta\\Omega\\,\\Delta E_f$", FLUX,
    ),
    (
        RIGHT, 3.9, WIDTH, 1.8, "coverage of the bins",
        "cells: pixel $\\times$ step of $a_3$ $\\times$ $E_i$, same masks\n"
        "$C = \\sum \\Phi_j\\,\\Delta E_i\\;N_b\\;k_f/k_i$", FLUX,
    ),
    (
        5.5, -0.5, WIDE, 1.3, "S(Q, ω) in the bins of a cut",
        "$S = N / C$,   var $S = (N+1)/C^2 + S^2\\,$var$\\,C / C^2$;  "
        "no coverage: absent", RESULT,
    ),
)  # fmt: skip
ARROWS = (
    *(((LEFT, 12.25), (LEFT, 11.75)), ((LEFT, 10.85), (LEFT, 10.3))),
    *(((LEFT, 8.7), (LEFT, 8.15)), ((LEFT, 6.75), (LEFT, 6.2))),
    *(((LEFT, 4.6), (LEFT, 4.05)), ((LEFT, 2.35), (LEFT, 1.95))),
    *(((LEFT, 1.05), (LEFT, 0.15)), ((RIGHT, 12.05), (RIGHT, 11.0))),
    *(((RIGHT, 9.2), (RIGHT, 8.2)), ((RIGHT, 6.2), (RIGHT, 4.8))),
    *(((RIGHT, 3.0), (RIGHT, 0.15)), ((5.2, 3.2), (5.8, 3.6))),
)


def draw(axes: Axes) -> None:
    """Boxes and arrows."""
    for x, y, width, height, head, text, colour in BOXES:
        axes.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - height / 2), width, height, facecolor=colour + "18",
                edgecolor=colour, linewidth=1.0, boxstyle="round,pad=0,rounding_size=0.12",
            )
        )  # fmt: skip
        axes.text(
            x, y + height / 2 - 0.12, head, ha="center", va="top", fontsize=11, color=INK,
            weight="bold",
        )  # fmt: skip
        axes.text(
            x, y - 0.19, text, ha="center", va="center", fontsize=10.5, color=INK,
            linespacing=1.5,
        )  # fmt: skip
    for start, end in ARROWS:
        axes.annotate(
            "", end, start, arrowprops={"arrowstyle": "-|>", "color": FAINT, "linewidth": 1.3}
        )
    for x, y, word, side in ((LEFT, 0.6, "$N$ events", "left"), (RIGHT, 1.5, "$C$", "left")):
        axes.text(x + 0.15, y, word, ha=side, va="center", fontsize=10, color=INK)


if __name__ == "__main__":
    figure = new_figure(8.6, 9.4)
    panel = figure.add_subplot()
    panel.set_xlim(0.0, 11.0)
    panel.set_ylim(-1.3, 13.3)
    panel.set_axis_off()
    draw(panel)
    save_figure(Path(__file__).parent / "images" / "principle.png", figure)
