"""The kinds of figures, one module each. A new one is one module and one line in FIGURES."""

from analysis.figures import (
    accuracy,
    bias_variance,
    danger_zone,
    drawn_samples,
    filters,
    free_energy_gap,
    l_curve,
    learning_curves,
    logistic,
    log_z,
    rbm_sweep,
    renormalize,
    risk_map,
    samples,
    singular_values,
    z_scores,
)
from analysis.figures.kind import FigureKind

FIGURES: tuple[FigureKind, ...] = (
    danger_zone.KIND,
    accuracy.KIND,
    l_curve.KIND,
    bias_variance.KIND,
    z_scores.KIND,
    risk_map.KIND,
    logistic.KIND,
    learning_curves.KIND,
    free_energy_gap.KIND,
    singular_values.KIND,
    filters.KIND,
    samples.KIND,
    drawn_samples.KIND,
    rbm_sweep.KIND,
    log_z.KIND,
    log_z.SCORES,
    renormalize.KIND,
)
