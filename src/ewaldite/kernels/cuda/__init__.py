"""Kernels for a GPU of NVIDIA, behind the same functions as those for the processor.

Nothing here is imported unless a GPU is asked for. Results agree within rounding: sums of one
pixel or reading are gathered in whatever order threads come.
"""
