/* The integral equations of the first kind that regularization methods are tried on, discretized
 * on n equal cells: by midpoint quadrature, or by Galerkin's method with orthonormal box functions
 * (1/sqrt(h) on a cell, 0 elsewhere). Collected in Hansen, "Regularization Tools" (Numerical
 * Algorithms 6, 1994, and 46, 2007); the first sources stand beside each.
 *
 * Letters: K(s, t) = kernel, f = solution, h = width of a cell, i = row (s), j = column (t). */
#include <math.h>

#include "generator.h"

static const double pi = 3.1415926535897932384626433832795;

static double square(double x) {
  return x * x;
}

/* --- shaw: an image of a thin slit (Shaw 1972). K = (cos s + cos t)^2 (sin u / u)^2, u = pi (sin s
 * + sin t), on [-pi/2, pi/2]; f = two Gaussian bumps. Midpoint rule. --- */

static double place_shaw(int64_t n, int64_t i) {
  return ((double)i + 0.5) * (pi / (double)n) - pi / 2;
}

static void make_shaw(const smr_data_config *config, int64_t n, int64_t i, int64_t width,
                      double *out) {
  const double s = place_shaw(n, i), h = pi / (double)n;
  (void)config;
  for (int64_t j = 0; j < width; j++) {
    const double t = place_shaw(n, j), u = pi * (sin(s) + sin(t));
    const double ratio = fabs(u) < 1e-8 ? 1.0 : sin(u) / u;
    out[j] = h * square((cos(s) + cos(t)) * ratio);
  }
}

static void solve_shaw(const smr_data_config *config, int64_t n, double *w) {
  (void)config;
  for (int64_t j = 0; j < n; j++) {
    const double t = place_shaw(n, j);
    w[j] = 2 * exp(-6 * square(t - 0.8)) + exp(-2 * square(t + 0.5));
  }
}

/* --- phillips (Phillips 1962). K(s, t) = f(s - t), f(x) = 1 + cos(pi x / 3) for |x| < 3, else 0,
 * on
 * [-6, 6]. Galerkin, every integral in closed form; n is a multiple of 4, so that the kernel ends
 * where cells do. --- */

static void make_phillips(const smr_data_config *config, int64_t n, int64_t i, int64_t width,
                          double *out) {
  const double h = 12.0 / (double)n, a = pi / 3;
  /* (1/h) of the integral of (h - |v|) f(d h + v) over |v| < h. */
  const double bend = 4 * square(sin(a * h / 2) / a) / h; /* 2 (1 - cos ah) / (a^2 h) */
  (void)config;
  for (int64_t j = 0; j < width; j++) {
    const int64_t d = i > j ? i - j : j - i;
    if (4 * d < n) {
      out[j] = h + bend * cos(a * h * (double)d);
    } else {
      out[j] = 4 * d == n ? (h - bend) / 2 : 0.0;
    }
  }
}

static void solve_phillips(const smr_data_config *config, int64_t n, double *w) {
  const double h = 12.0 / (double)n, a = pi / 3;
  (void)config;
  for (int64_t j = 0; j < n; j++) {
    const double middle = ((double)j + 0.5) * h - 6.0;
    w[j] =
        fabs(middle) < 3.0 ? sqrt(h) + 2 * cos(a * middle) * sin(a * h / 2) / (a * sqrt(h)) : 0.0;
  }
}

/* --- deriv2: the second derivative (Delves & Mohamed 1985, p. 310). K = s (t - 1) for s < t, else
 * t (s - 1), on [0, 1]; f = t. Galerkin, in closed form. --- */

static void make_deriv2(const smr_data_config *config, int64_t n, int64_t i, int64_t width,
                        double *out) {
  const double h = 1.0 / (double)n;
  (void)config;
  for (int64_t j = 0; j < width; j++) {
    const int64_t low = i < j ? i : j, high = i < j ? j : i;
    const double a = (double)low * h;
    if (low == high) { /* twice the integral over s < t of the cell that begins at a */
      out[j] = h * ((a - 1) * (a + h / 3) + 2 * a * h / 3 + h * h / 4);
    } else {
      out[j] = h * ((double)low + 0.5) * h * (((double)high + 0.5) * h - 1);
    }
  }
}

static void solve_deriv2(const smr_data_config *config, int64_t n, double *w) {
  const double h = 1.0 / (double)n;
  (void)config;
  for (int64_t j = 0; j < n; j++) {
    w[j] = sqrt(h) * ((double)j + 0.5) * h;
  }
}

/* --- baart (Baart 1982). K = exp(s cos t), s in [0, pi/2], t in [0, pi]; f = sin t. Galerkin: in
 * closed form over s, 8-point Gauss over t (relative error below 1e-14 for n >= 8). --- */

enum { GAUSS = 8 };
static const double gauss_node[GAUSS / 2] = {0.1834346424956498, 0.5255324099163290,
                                             0.7966664774136267, 0.9602898564975363};
static const double gauss_weight[GAUSS / 2] = {0.3626837833783620, 0.3137066458778873,
                                               0.2223810344533745, 0.1012285362903763};

/* The integral of exp(s c) over |s - middle| < width/2. */
static double integrate_exponential(double c, double middle, double width) {
  const double x = c * width / 2;
  return width * exp(middle * c) * (fabs(x) < 1e-5 ? 1 + x * x / 6 : sinh(x) / x);
}

static void make_baart(const smr_data_config *config, int64_t n, int64_t i, int64_t width,
                       double *out) {
  const double hs = pi / 2 / (double)n, ht = pi / (double)n, s = ((double)i + 0.5) * hs;
  (void)config;
  for (int64_t j = 0; j < width; j++) {
    const double t = ((double)j + 0.5) * ht;
    double sum = 0.0;
    for (int q = 0; q < GAUSS / 2; q++) {
      const double d = gauss_node[q] * ht / 2;
      sum += gauss_weight[q] *
             (integrate_exponential(cos(t - d), s, hs) + integrate_exponential(cos(t + d), s, hs));
    }
    out[j] = sum * ht / 2 / sqrt(hs * ht);
  }
}

static void solve_baart(const smr_data_config *config, int64_t n, double *w) {
  const double h = pi / (double)n;
  (void)config;
  for (int64_t j = 0; j < n; j++) {
    w[j] = 2 * sin(((double)j + 0.5) * h) * sin(h / 2) / sqrt(h);
  }
}

/* --- heat: the inverse heat equation (Carasso 1982, Elden 1995), a Volterra equation on [0, 1]. K
 * = k(s - t), k(x) = x^(-3/2) exp(-1 / (4 kappa^2 x)) / (2 kappa sqrt(pi)); f rises, bends and
 * decays in the first half, 0 in the second. Midpoint rule, s at the cells' ends. --- */

static void make_heat(const smr_data_config *config, int64_t n, int64_t i, int64_t width,
                      double *out) {
  const double h = 1.0 / (double)n, kappa = config->heat_kappa;
  for (int64_t j = 0; j < width; j++) {
    const double x = ((double)(i - j) + 0.5) * h;
    out[j] =
        j > i ? 0.0 : h * exp(-1 / (4 * kappa * kappa * x)) / (2 * kappa * sqrt(pi) * x * sqrt(x));
  }
}

static void solve_heat(const smr_data_config *config, int64_t n, double *w) {
  (void)config;
  for (int64_t j = 0; j < n; j++) {
    const double t = 20 * (double)(j + 1) / (double)n;
    if (2 * (j + 1) > n) {
      w[j] = 0.0;
    } else if (t < 2) {
      w[j] = 0.75 * t * t / 4;
    } else if (t < 3) {
      w[j] = 0.75 + (t - 2) * (3 - t);
    } else {
      w[j] = 0.75 * exp(-2 * (t - 3));
    }
  }
}

/* --- foxgood: severely ill-posed (Fox & Goodwin 1953). K = sqrt(s^2 + t^2) on [0, 1]; f = t.
 * Midpoint rule. --- */

static void make_foxgood(const smr_data_config *config, int64_t n, int64_t i, int64_t width,
                         double *out) {
  const double h = 1.0 / (double)n, s = ((double)i + 0.5) * h;
  (void)config;
  for (int64_t j = 0; j < width; j++) {
    const double t = ((double)j + 0.5) * h;
    out[j] = h * sqrt(s * s + t * t);
  }
}

static void solve_foxgood(const smr_data_config *config, int64_t n, double *w) {
  (void)config;
  for (int64_t j = 0; j < n; j++) {
    w[j] = ((double)j + 0.5) / (double)n;
  }
}

static const smr_problem problems[] = {
    [SMR_PROBLEM_SHAW] = {"shaw", 1, make_shaw, solve_shaw},
    [SMR_PROBLEM_PHILLIPS] = {"phillips", 4, make_phillips, solve_phillips},
    [SMR_PROBLEM_DERIV2] = {"deriv2", 1, make_deriv2, solve_deriv2},
    [SMR_PROBLEM_BAART] = {"baart", 1, make_baart, solve_baart},
    [SMR_PROBLEM_HEAT] = {"heat", 1, make_heat, solve_heat},
    [SMR_PROBLEM_FOXGOOD] = {"foxgood", 1, make_foxgood, solve_foxgood},
};

const smr_problem *smr_problem_find(int kind) {
  const int n = sizeof problems / sizeof problems[0];
  return kind >= 0 && kind < n ? &problems[kind] : NULL;
}

int64_t smr_problem_get_divisor(int kind) {
  const smr_problem *problem = smr_problem_find(kind);
  return problem == NULL ? 1 : problem->divisor;
}
