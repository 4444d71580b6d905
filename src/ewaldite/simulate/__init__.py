"""Experiments with a known truth, written from the formulas alone."""
