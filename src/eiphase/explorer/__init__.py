"""A phase map as one HTML file, whose networks run in the browser."""
