"""Observations that symmetry makes equal, merged to one."""
