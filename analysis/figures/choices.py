"""What the figures about choosers of lambda share: names, and one replicate of one cell."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr

from analysis.results import REPLICATE, Result, Sweep, find_cell, get_sweep, has_values

# Outputs lambda_NAME, regret_NAME, …, and how they are written; from top to bottom. First those that
# leave rows out or count degrees of freedom, then those that look at the spectrum or the residual.
CHOOSERS = {
    "gcv": "GCV",
    "loo": "leave-one-out",
    "cv_interleaved": "$k$-fold, interleaved",
    "cv_block": "$k$-fold, blocks",
    "lcurve": "L-curve",
    "ncp": "NCP",
    "quasiopt": "quasi-optimality",
    "discrepancy": "discrepancy",
}
ORACLE = r"$\lambda_{\mathrm{oracle}}$"  # the lambda of least risk
DECADES = r"$\log_{10}(\lambda/\lambda_{\mathrm{oracle}})$"
RATIOS = (0.5, 1.0, 2.0)  # N_f/N_i below, at and above the transition
QUANTILES = {"q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95}


def find_choosers(data: xr.Dataset, prefix: str = "lambda_") -> list[str]:
    """Names of the choosers that put out a number."""
    return [name for name in CHOOSERS if has_values(data, prefix + name)]


def pick_cells(sweep: Sweep, name: str) -> list[int]:
    """The cells nearest to the ratios that have a value of `name`."""
    values = get_quantiles(sweep.data, name)["median"]
    return sorted({find_cell(sweep, ratio, np.isfinite(values)) for ratio in RATIOS})


def get_quantiles(data: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    """Quantiles over replicates along the cells; from the summaries, else from the values."""
    if all(f"{name}_{s}" in data for s in QUANTILES):
        return {s: data[f"{name}_{s}"].transpose("cell").values for s in QUANTILES}
    values = data[name]
    if REPLICATE not in values.dims:
        return {s: values.transpose("cell").values for s in QUANTILES}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Cells without any finished replicate.
        found = values.quantile(list(QUANTILES.values()), dim=REPLICATE, skipna=True)
    return {s: found.isel(quantile=i).transpose("cell").values for i, s in enumerate(QUANTILES)}


def take_replicate(result: Result, name: str) -> Sweep | None:
    """The cells of the first replicate that has values of `name`; None if there is none."""
    if name not in result.data:
        return None
    sweep = get_sweep(result.data)
    for replicate in range(int(sweep.data.sizes.get(REPLICATE, 1))):
        data = sweep.data
        if REPLICATE in data.dims:
            data = data.assign_coords({REPLICATE: data[REPLICATE]}).isel({REPLICATE: replicate})
        if bool(np.isfinite(data[name].values).any()):
            return Sweep(data.load(), sweep.varied)
    return None


def label_cell(sweep: Sweep, cell: int) -> str:
    """Its sizes, and the replicate where one was taken."""
    chosen = sweep.data.isel(cell=cell)
    sizes = rf"$N_f = {int(chosen['features'])}$, $N_i = {int(chosen['instances'])}$"
    is_one = REPLICATE in chosen.coords and chosen[REPLICATE].ndim == 0
    return f"{sizes}, {REPLICATE} {chosen[REPLICATE].values}" if is_one else sizes


def label_panels(result: Result, sweep: Sweep, cells: list[int]) -> list[str]:
    """A caption for each cell; the first one says which values of other axes are shown."""
    labels = [label_cell(sweep, cell) for cell in cells]
    return ["\n".join([", ".join(result.fixed), labels[0]]) if result.fixed else labels[0], *labels[1:]]
