"""Numba kernels: plain arrays in, plain arrays out; no units, no files."""
