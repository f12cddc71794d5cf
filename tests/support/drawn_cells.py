"""What stands over the cells of a drawn map."""


def drawn_cells(axis):
    """Of each covered cell the centre, g_factor and q_factor, and the patch that covers it."""
    for patch in axis.patches:
        for corners in patch.get_path().to_polygons():
            g, q = (corners.min(axis=0) + corners.max(axis=0)) / 2
            yield float(g), float(q), patch
