"""X-ray rotation images to a diffuse-scattering map."""
