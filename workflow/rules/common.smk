# What rules need to find their inputs.
import hashlib

SWEEP_INPUT = local(str(SWEEP_FILE))  # a module's prefix is for results alone
OTHER = f"{RESULTS}/mappings/{{mapping}}"  # the sweep with another mapping


wildcard_constraints:
    backend="|".join(BACKENDS),
    seed="[0-9]+",
    tile="[0-9]+",
    digest="[0-9a-f]+",
    mapping="[a-z_]+-[a-z_]+-[1-8]",


def source_tile(wildcards):
    """The tile that a tile's networks are made from, as integers are from floats, if any."""
    source = BACKENDS[wildcards.backend].takes_from
    if source is None:
        return []
    tile = SWEEP.tile(source, int(wildcards.seed), int(wildcards.tile))
    return f"{RESULTS}/tiles/{SWEEP.tile_path(tile)}"


def tiles_of(wildcards):
    """All tiles of one backend and seed, where a refinement starts."""
    tiles = (
        SWEEP.tile(wildcards.backend, int(wildcards.seed), number)
        for number in range(SWEEP.tiles)
    )
    return [f"{RESULTS}/tiles/{SWEEP.tile_path(tile)}" for tile in tiles]


def refined_source(wildcards):
    """The refinement to wait for, as most of its networks serve this backend's, too; if any."""
    source = BACKENDS[wildcards.backend].takes_from
    if source not in SWEEP.backends:
        return []
    return f"{RESULTS}/tiles/{SWEEP.refined_path(source, int(wildcards.seed))}"


def refined():
    """Of all backends and seeds, if the sweep asks for it."""
    if SWEEP.refinement.precision is None:
        return []
    return [
        f"{RESULTS}/tiles/{SWEEP.refined_path(backend, seed)}"
        for backend in SWEEP.backends
        for seed in SWEEP.seeds
    ]


def spectra_of_sweep():
    """Files of theory's borders, one for each seed; none if it finds no borders of single networks."""
    if not SWEEP.has_spectra:
        return []
    return [f"{RESULTS}/{SWEEP.spectra_path(seed)}" for seed in SWEEP.seeds]


def mapped_tile(mapping, tile):
    """A tile under a mapping; one that the sweep itself has, as of lif_float, is taken from there."""
    path = remapping.remapped(SWEEP, mapping).tile_path(tile)
    own = path == SWEEP.tile_path(tile)
    return f"{RESULTS if own else OTHER.format(mapping=mapping)}/tiles/{path}"


def mapped_tiles(wildcards):
    tiles = remapping.remapped(SWEEP, wildcards.mapping).all_tiles()
    return [mapped_tile(wildcards.mapping, tile) for tile in tiles]


def mapped_source_tile(wildcards):
    source = BACKENDS[wildcards.backend].takes_from
    if source is None:
        return []
    tile = SWEEP.tile(source, int(wildcards.seed), int(wildcards.tile))
    return mapped_tile(wildcards.mapping, tile)


def phase_maps(mappings):
    """The sweep's own phase map where a mapping is the sweep's own."""
    own = remapping.name_of(SWEEP.mapping)
    return [
        f"{RESULTS if name == own else OTHER.format(mapping=name)}/phase_map.nc"
        for name in mappings
    ]


def phase_maps_by_bits(wildcards):
    """Of one sweep with 1 to 8 weight bits; what a border of damage needs, it must measure."""
    if not SWEEP.observables.chaos:
        raise WorkflowError(
            f"{SWEEP_FILE} does not measure chaos, which precision needs:"
            " set observables.chaos to true."
        )
    return phase_maps(
        [remapping.with_bits(SWEEP.mapping, bits) for bits in range(1, 9)]
    )


def drawing_digest(*modules):
    """Of what draws with these modules: a change of another figure's code draws nothing anew."""
    every = {"mappings", "overview", "phase_map", "phases", "recording", "tutorial"}
    others = [f"figures/{name}" for name in every.difference(modules)]
    return provenance.sources_digest("figures.save", without=others)


def explorer_digest():
    """Of what makes the page, its scripts among it."""
    digest = hashlib.sha256(provenance.sources_digest("explorer.write").encode())
    for path in sorted(Path(eiphase.__file__).parent.glob("explorer/*/*.*")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


# The name of the stamp, see stamp.smk.
GATHERED = [
    SWEEP.digest,
    SWEEP.about.attributes(),
    *(SWEEP.tile_path(tile) for tile in SWEEP.all_tiles()),
    *refined(),
    *spectra_of_sweep(),
    provenance.sources_digest("jobs.gather"),
]
DIGEST = hashlib.sha256(repr(GATHERED).encode()).hexdigest()[:16]


def stamp(wildcards):
    """What all that depends on the whole sweep takes as input.

    Snakemake leaves a file missing that is only on the way to its targets, unless it is forced.
    """
    path = Path(rules.stamp.output[0].format(digest=DIGEST))
    if workflow.is_main_process and not path.exists():
        workflow.dag.forcerules.add(rules.stamp.rule)
    return f"{RESULTS}/stamp/{DIGEST}"
