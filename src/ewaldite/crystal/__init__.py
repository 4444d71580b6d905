"""Cell, symmetry and asymmetric unit (gemmi is imported only here)."""
