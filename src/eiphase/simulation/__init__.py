"""One network or a tile of them, mapped, run through Lava and measured."""
