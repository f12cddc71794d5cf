"""Figures: of phase maps, of one network, of the tutorial."""
