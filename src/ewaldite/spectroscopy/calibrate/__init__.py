"""Fits of where the detectors are and when neutrons start."""
