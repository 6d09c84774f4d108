"""The kinds of figures, one module each. A new one is one module and one line in FIGURES."""

from analysis.figures import accuracy, bias_variance, danger_zone, l_curve, risk_map, z_scores
from analysis.figures.kind import FigureKind

FIGURES: tuple[FigureKind, ...] = (
    danger_zone.KIND,
    accuracy.KIND,
    l_curve.KIND,
    bias_variance.KIND,
    z_scores.KIND,
    risk_map.KIND,
)
