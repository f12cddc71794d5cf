"""Sensitivity: Lyapunov exponents, damage spreading, phases and the border between them."""
