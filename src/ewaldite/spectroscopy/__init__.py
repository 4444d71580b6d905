"""Events of an indirect-geometry spectrometer to S(Q, ω)."""
