"""Tabulated constants; every value names its source."""
