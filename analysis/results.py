"""Loads a result file and hands out its values the way figures want them.

Words: a *cell* is one problem size (N_i rows, N_f columns); `cell` is also the name of the
dimension that a `Sweep` runs along. Values that are not finite become NaN here, once, so that a
figure has one kind of gap only.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import xarray as xr

FILE_NAME = "results.h5"
REPLICATE = "replicate"
# Axes that figures run along; every other axis is fixed at one value.
RUNNING_AXES = ("instances", "features", "lambda")
INNER_AXES = ("lambda", "mode", REPLICATE)
STATISTICS = ("mean", "stderr", "median", "q25", "q75")
STATUS_DONE, STATUS_EXCLUDED = 1, 4


class ResultError(Exception):
    """A result file that cannot be used; the message is one line for the user."""


@dataclass(frozen=True)
class Result:
    """An open result file, with every axis fixed that no figure runs along."""

    path: Path
    data: xr.Dataset
    fixed: tuple[str, ...]  # "noise = 0.5", what was fixed; zipped axes are one of these
    unfinished: int  # units that are pending, failed or quarantined
    units: int  # units of the sweep that are not excluded
    beside: Result | None = None  # another result whose curves stand beside
    selection: Mapping[str, str] = field(default_factory=dict)  # as it was asked for
    remarks: tuple[str, ...] = ()  # on what was fixed, one for each, such as how it was taken

    @property
    def experiment(self) -> str:
        """What figures are for; experiments without any of their own are drawn like ridge."""
        return "logistic" if self.data.attrs.get("experiment") == "logistic" else "ridge"

    @property
    def notes(self) -> tuple[str, ...]:
        """What was chosen, for the user."""
        remarks = self.remarks or ("",) * len(self.fixed)
        return tuple(f"shown at {a}{b}" for a, b in zip(self.fixed, remarks, strict=True))

    def close(self) -> None:
        self.data.close()
        if self.beside is not None:
            self.beside.close()


@dataclass(frozen=True)
class Sweep:
    """A line of cells in the order of N_f/N_i.

    `data` has the dimension `cell` with the coordinates instances, features and ratio.
    """

    data: xr.Dataset
    varied: tuple[str, ...]  # "instances", "features", or both when they were zipped

    @property
    def ratio(self) -> np.ndarray:
        return self.data["ratio"].values

    def get_fixed(self, name: str) -> int | None:
        """The one value of instances or features in all cells, None if it varies."""
        values = np.unique(self.data[name].values)
        return int(values[0]) if len(values) == 1 else None


# ---- opening ----


def find_file(path: Path) -> Path:
    """The result file that `path` means: itself, or the one in that folder."""
    if path.is_dir():
        if not (path / FILE_NAME).is_file():
            raise ResultError(f"{path}: no {FILE_NAME} in this folder (simmer collect makes it)")
        return path / FILE_NAME
    if not path.exists():
        raise ResultError(f"{path}: no such file or folder")
    return path


def load(path: Path) -> xr.Dataset:
    """Opens a file of simmer as it is."""
    try:
        data = xr.open_dataset(path, engine="h5netcdf", decode_times=False)
    except Exception as error:  # Whatever the readers below xarray trip over, the file is not ours.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ResultError(f"{path}: not a readable result file ({reason})") from error
    if "experiment" not in data.attrs:
        data.close()
        raise ResultError(
            f"{path}: not a result file of simmer (attribute 'experiment' is missing)"
        )
    return data


def open_result(path: Path, selection: Mapping[str, str] | None = None) -> Result:
    """Opens a result file or the folder of one; `selection` fixes axes by "name": "value"."""
    file = find_file(path)
    data = load(file)
    try:
        units, unfinished = count_units(data)
        data = _name_axes(data)
        data, fixed = _fix_axes(data, dict(selection or {}))
    except ResultError as error:
        data.close()
        raise ResultError(f"{file}: {error}") from None
    return Result(
        file,
        data,
        tuple(fixed),
        unfinished,
        units,
        selection=dict(selection or {}),
        remarks=tuple(fixed.values()),
    )


def count_units(data: xr.Dataset) -> tuple[int, int]:
    """Units that are not excluded, and those of them that are not done."""
    if "status" not in data:
        return 0, 0
    status = data["status"].values
    units = status[status != STATUS_EXCLUDED]
    return units.size, int((units != STATUS_DONE).sum())


def _name_axes(data: xr.Dataset) -> xr.Dataset:
    """Makes axes coordinates, and dimensions where a zip put them on a dimension of other name."""
    for name in RUNNING_AXES:
        if name not in data.variables:
            continue
        data = data.set_coords(name)
        dimensions = data[name].dims
        if len(dimensions) == 1 and dimensions[0] not in (*RUNNING_AXES, *INNER_AXES):
            data = data.swap_dims({dimensions[0]: name})
    return data


def get_names(data: xr.Dataset, axis: str) -> list[str]:
    """The axis, and those that were zipped with it: they lie on its dimension."""
    return [axis, *(str(n) for n, c in data.coords.items() if n != axis and c.dims == (axis,))]


def name_values(data: xr.Dataset, names: Sequence[str], index: int) -> str:
    """Values of one or several axes: "design = smooth, noise_model = ar1"."""
    return ", ".join(f"{name} = {_get_values(data, name)[index]}" for name in names)


def _get_values(data: xr.Dataset, name: str) -> np.ndarray:
    return data[name].values if name in data.coords else np.arange(data.sizes[name])


def narrow(
    data: xr.Dataset, selection: Mapping[str, str], axes: Sequence[str]
) -> tuple[xr.Dataset, dict[str, int]]:
    """Keeps what has all the wanted values on `axes`, and says how many are left on each axis that
    was selected on, by its own name or by that of one zipped with it."""
    homes = {name: axis for axis in axes for name in get_names(data, axis)}
    left: dict[str, int] = {}
    before: dict[str, str] = {}
    for name, wanted in selection.items():
        if name not in homes:
            raise ResultError(f"no axis '{name}' to select on; the axes are {', '.join(homes)}")
        axis, values = homes[name], _get_values(data, name)
        try:
            places = find_values(values, name, wanted)
        except ResultError as error:
            # What was selected before may have left values out.
            where = [f"{n} = {v}" for n, v in before.items() if homes[n] == axis]
            raise ResultError(f"{error} where {', '.join(where)}" if where else error) from None
        data = data.assign_coords({axis: _get_values(data, axis)}).isel({axis: places})
        left[axis] = len(places)
        before[name] = wanted
    return data, left


def _fix_axes(data: xr.Dataset, selection: dict[str, str]) -> tuple[xr.Dataset, dict[str, str]]:
    """Also what was fixed, each with a remark for the user, mostly an empty one."""
    kept = (*RUNNING_AXES, *INNER_AXES)
    data, left = narrow(data, selection, [str(d) for d in data.dims if d != "mode"])
    fixed = {}
    for axis in [str(d) for d in data.dims if d not in kept or d in left]:
        names, remark = get_names(data, axis), ""
        if axis in kept and data.sizes[axis] > 1:
            # Figures run along what is left of these.
            names = [name for name in names if name in selection]
        elif left.get(axis, 1) > 1:
            remark = f", the first of {left[axis]} that match"
        fixed[name_values(data, names, 0)] = remark
        data = data if axis in kept else data.isel({axis: 0})
    return data, fixed


def find_values(values: np.ndarray, name: str, wanted: str) -> np.ndarray:
    """Indices of the values of an axis that are what is written as text."""
    try:
        matches = np.isclose(values.astype(float), float(wanted), rtol=1e-9, atol=0)
    except ValueError:
        matches = values.astype(str) == wanted
    if not matches.any():
        known = list(dict.fromkeys(str(v) for v in values))
        shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ResultError(f"axis '{name}' has no value {wanted}; it has {shown}")
    return np.flatnonzero(matches)


def find_value(values: np.ndarray, name: str, wanted: str) -> int:
    """Index of the first of them."""
    return int(find_values(values, name, wanted)[0])


# ---- values ----


def _keep_finite(values: xr.DataArray) -> xr.DataArray:
    return values.where(np.isfinite(values))


def get_spread(data: xr.Dataset, name: str) -> xr.Dataset:
    """Statistics of `name` over replicates: mean, stderr, median, q25, q75 and center.

    The center is the mean where it exists, else the median. Replicates without summaries give
    median and quartiles only, since it isn't known where a mean exists. Without replicates the
    values themselves are the mean.
    """
    found = {s: data[f"{name}_{s}"] for s in STATISTICS if f"{name}_{s}" in data}
    if not found and name in data:
        found = _summarize(data[name])
    if not found:
        raise KeyError(name)
    nothing = xr.full_like(next(iter(found.values())), np.nan)
    spread = xr.Dataset({s: _keep_finite(found.get(s, nothing)) for s in STATISTICS})
    spread["center"] = spread["mean"].fillna(spread["median"])
    return spread.load()


def _summarize(values: xr.DataArray) -> dict[str, xr.DataArray]:
    if REPLICATE not in values.dims:
        return {"mean": values}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Cells without any finished replicate.
        quantiles = _keep_finite(values).quantile([0.25, 0.5, 0.75], dim=REPLICATE, skipna=True)
    names = ("q25", "median", "q75")
    return {s: quantiles.isel(quantile=i, drop=True) for i, s in enumerate(names)}


def get_theory(data: xr.Dataset, name: str) -> xr.DataArray | None:
    """A column of theory without replicates, NaN where it is infinite; None if it has no value."""
    if name not in data:
        return None
    values = data[name]
    if REPLICATE in values.dims:
        # Replicates agree but for failed ones, and for what of the truth is not fitted.
        values = values.mean(REPLICATE, skipna=True)
    values = _keep_finite(values).load()
    return values if bool(values.notnull().any()) else None


def has_values(data: xr.Dataset, name: str) -> bool:
    """Whether a variable or its summaries hold any number."""
    if name not in data and f"{name}_median" not in data and f"{name}_mean" not in data:
        return False
    return bool(get_spread(data, name)["center"].notnull().any())


def pick_error(data: xr.Dataset) -> str:
    """The error to show: against the truth where it is known, else on test rows."""
    return "estimation_error" if has_values(data, "estimation_error") else "test_mse"


def get_lambdas(data: xr.Dataset) -> np.ndarray:
    """Values of the lambda axis; one NaN if lambda was zipped with the size of the problem."""
    return data["lambda"].values.astype(float) if "lambda" in data.dims else np.array([np.nan])


def count_replicates(data: xr.Dataset) -> int:
    """Number of replicates, 1 without that axis."""
    return int(data.sizes.get(REPLICATE, 1))


def to_table(values: xr.DataArray) -> np.ndarray:
    """Values [cell, lambda] as an array."""
    if "lambda" not in values.dims:
        return values.transpose("cell").values[:, np.newaxis]
    return values.transpose("cell", "lambda").values


# ---- cells ----


def _read_scalar(data: xr.Dataset, name: str) -> float | None:
    """A key that is no axis: a scalar of the file, or what the job text says."""
    if name in data.variables and data[name].ndim == 0:
        return float(data[name])
    if name in data.attrs:
        return float(data.attrs[name])
    pattern = rf"(?:^|[\s{{,.]){name}:\s*\[?\s*([0-9][0-9.eE+]*)\s*\]?\s*(?:[,}}#\n]|$)"
    match = re.search(pattern, str(data.attrs.get("job", "")))
    return float(match.group(1)) if match else None


def _require_size(data: xr.Dataset, name: str) -> xr.Dataset:
    """Makes sure that `name` is a coordinate."""
    if name in data.coords:
        return data
    value = _read_scalar(data, name)
    if value is None:
        raise ResultError(f"neither an axis nor the job says {name}")
    return data.assign_coords({name: value})


def has_sizes(data: xr.Dataset) -> bool:
    """Whether N_i and N_f of every cell are known."""
    try:
        with_sizes(data)
    except ResultError:
        return False
    return True


def with_sizes(data: xr.Dataset) -> xr.Dataset:
    """The data with both instances and features as coordinates."""
    for name in ("instances", "features"):
        data = _require_size(data, name)
    return data


def get_sweep(data: xr.Dataset, vary: str | None = None) -> Sweep:
    """The cells along N_i or N_f (`vary`; the longer axis by default), in order of N_f/N_i.

    The other axis is fixed where most cells lie on both sides of the transition. Cells that the
    job excludes are left out.
    """
    data = with_sizes(data)
    dimensions = {n: data[n].dims[0] for n in ("instances", "features") if data[n].ndim == 1}
    if len(set(dimensions.values())) == 2:
        vary = vary or max(dimensions, key=lambda n: data.sizes[dimensions[n]])
        other = "features" if vary == "instances" else "instances"
        data = data.isel({dimensions.pop(other): _find_balance(data[other], data[vary])})
    if dimensions:
        # Both names share a dimension when they were zipped.
        data = data.rename_dims({next(iter(dimensions.values())): "cell"})
    else:
        data = data.expand_dims("cell")
    ratio = data["features"] / data["instances"]
    if ratio.ndim == 0:
        ratio = ratio.expand_dims("cell")
    order = np.argsort(ratio.values, kind="stable")
    data = data.assign_coords(ratio=ratio).isel(cell=order)
    return Sweep(_drop_excluded(data), tuple(dimensions))


def _drop_excluded(data: xr.Dataset) -> xr.Dataset:
    if "status" not in data or "cell" not in data["status"].dims:
        return data
    status = data["status"]
    is_wanted = (status != STATUS_EXCLUDED).any([d for d in status.dims if d != "cell"])
    return data.isel(cell=np.flatnonzero(is_wanted.values)) if bool(is_wanted.any()) else data


def _find_balance(candidates: xr.DataArray, others: xr.DataArray) -> int:
    """Index of the candidate with most of `others` on its thinner side, then at it."""
    o = others.values
    sides = [(min((o < c).sum(), (o > c).sum()), (o == c).sum(), c) for c in candidates.values]
    return max(range(len(sides)), key=lambda i: sides[i])


def pick_lambdas(table: np.ndarray, lambdas: np.ndarray, most: int = 6) -> list[int]:
    """Indices of the lambdas to draw: the smallest, and those whose curves [cell, lambda] differ
    most from the ones already taken; round powers of ten where there are enough."""
    usable = [i for i in range(len(lambdas)) if np.isfinite(table[:, i]).any()]
    if len(usable) <= 1:
        return usable
    with np.errstate(divide="ignore", invalid="ignore"):
        exponents = np.log10(lambdas)
        is_round = np.abs(exponents - np.round(exponents)) < 1e-6
    decades = [i for i in usable if is_round[i]]
    first = min(usable, key=lambda i: lambdas[i])
    pool = decades if len(decades) >= 4 else usable
    chosen = [first]
    while len(chosen) < min(most, len(pool)):
        gaps = {i: min(_distance(table[:, i], table[:, c]) for c in chosen) for i in pool}
        best = max(gaps, key=lambda i: gaps[i])
        if gaps[best] < 0.02 * _distance(table[:, first], table[:, chosen[-1]]) or gaps[best] == 0:
            break
        chosen.append(best)
    return sorted(chosen, key=lambda i: lambdas[i])


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    return float(np.sqrt(np.mean((a[both] - b[both]) ** 2))) if both.any() else 0.0


def get_typical(spread: xr.Dataset) -> np.ndarray:
    """Medians [cell, lambda], which no single replicate can move; the values if there are none."""
    return to_table(spread["median"].fillna(spread["center"]))


def find_cell(sweep: Sweep, ratio: float, is_known: np.ndarray) -> int:
    """Index of the cell whose N_f/N_i is nearest to `ratio`, in factors, among the known ones."""
    distance = np.abs(np.log(sweep.ratio / ratio))
    return int(np.argmin(np.where(is_known, distance, np.inf)))
