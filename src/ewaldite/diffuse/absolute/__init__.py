"""The absolute scale: intensity in electrons² per unit cell."""
