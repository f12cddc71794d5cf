# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A walk through a phase map
#
# This notebook opens the `phase_map.nc` that lies beside it. Everything below is a selection
# from that one dataset, until the last section simulates a network anew.

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr

import eiphase
from eiphase.backends import BACKENDS
from eiphase.flags import Flag, ScaleStatus

phase_map = xr.open_dataset("phase_map.nc")
phase_map

# %% [markdown]
# ## The maps
#
# Phases where the sweep measured chaos, else c(0) and decay time, median over seeds; the legend
# explains all marks. c(0) of rate neurons is the variance of their state, that of LIF neurons the
# variance of their spike counts in a window: compare shapes, not heights.

# %%
_ = eiphase.plot_phase_maps(phase_map)
# %% [markdown]
# The plots take any selection, here the stronger half of the first backend, averaged over seeds:

# %%
strong = phase_map.isel(backend=0).where(phase_map.q_factor >= phase_map.q_factor.median())
_ = eiphase.plot_phase_maps(strong.mean("seed"))
# %% [markdown]
# ## The border between the phases
#
# For rate neurons the border lies where networks stop settling. LIF neurons never stop firing,
# so that their c(0) is not zero on either side; as a border we take c(0) = 1, a variance of one
# spike in the window. Both are drawn where more than half of the seeds agree.

# %%
fig, axes = plt.subplots(1, phase_map.backend.size, figsize=(12, 3.6), sharey=True, squeeze=False)
for axis, backend in zip(axes[0], phase_map.backend.values, strict=True):
    one = phase_map.sel(backend=backend)
    if BACKENDS[backend].spiking:
        active, criterion = one.autocovariance.sel(lag=0) > 1, "c(0) > 1"
    else:
        active, criterion = one.c0_flag != Flag.UNDEFINED, "does not settle"
    share = active.mean("seed").transpose("q_factor", "g_factor").sortby(["q_factor", "g_factor"])
    axis.pcolormesh(share.g_factor, share.q_factor, share, vmin=0, vmax=1, cmap="Greys")
    if float(share.min()) < 0.5 < float(share.max()) and min(share.shape) > 1:
        axis.contour(share.g_factor, share.q_factor, share, levels=[0.5], colors="tab:red")
    axis.set(title=f"{backend}: {criterion}", xlabel="g_factor", ylabel="q_factor")

# %% [markdown]
# Where the sweep measured chaos (`observables.chaos`), exponents and damage say where it begins,
# on each seed (thin) and in the mean (thick):

# %%
config = json.loads(phase_map.attrs["sweep_config"])
if config["observables"]["chaos"]:
    _ = eiphase.plot_phases(phase_map)

# %% [markdown]
# ## A cut at fixed inhibition, through all backends
#
# Thick lines are medians over seeds, thin ones seeds; bars are standard errors.

# %%
_ = eiphase.plot_cut(phase_map)
# %% [markdown]
# ## Where the mappings break
#
# From rate to LIF neurons the tutorial's mapping solves for a weight scale: how often is what it
# returns a solution?

# %%
mapped = [name for name in phase_map.backend.values if BACKENDS[name].is_mapped]
for status in ScaleStatus if mapped else []:
    share = float((phase_map.weight_scale_status.sel(backend=mapped) == status).mean())
    print(f"{status.name.lower():13} {share:6.1%}")

# %% [markdown]
# And from floating point to integers: are the weights, against the threshold, as strong as they
# should be (1), how many are clipped, and how many voltages?

# %%
if mapped:
    _ = eiphase.plot_mapping(phase_map)

# %% [markdown]
# ## One network, simulated again
#
# Every cell can be simulated again, through Lava, with all settings of its sweep. The numbers
# equal the map's to the bit.

# %%
simulated = phase_map.c0_flag.stack(point=("backend", "q_factor", "g_factor", "seed"))
simulated = simulated[simulated != Flag.BROKEN]
where = {
    name: simulated.point[0][name].item() for name in simulated.point.coords if name != "point"
}
cell = eiphase.simulate_cell(phase_map, **where)
assert np.array_equal(phase_map.sel(where).autocovariance, cell.autocovariance)
_ = eiphase.plot_recording(cell)
