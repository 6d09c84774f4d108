/* Corner of a discrete L-curve by adaptive pruning (Hansen, Jensen, Rodriguez 2007).
 *
 * The curve in log-log coordinates is a chain of n - 1 steps. Short steps cluster and make false
 * corners; so the chain is pruned to its 5, 10, 20, … longest steps, and each pruned chain offers
 * two candidates: the sharpest turn, and the point nearest to where its flattest and its steepest
 * step would meet. The corner is the candidate, coming from the right, from which on the solution
 * grows by more than the residual falls.
 *
 * Letters: n points, m = n - 1 steps, c candidates. */
#include <math.h>
#include <stdlib.h>

#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/regress/truncated.h"

/* A smaller turn, in radians, is a straight line with rounding. */
static const double straight = 1e-10;

enum { FIRST_PRUNED = 5, MOST_CANDIDATES = 160 };

typedef struct {
  double length;
  int64_t index;
} ranked_step;

typedef struct {
  int64_t n;
  double *x, *y;       /* [n] log10 of residual and solution */
  double *wx, *wy;     /* [m] unit vectors of the steps */
  ranked_step *ranked; /* [m] the longest first */
  int64_t *kept;       /* [n] indices of the points in the caller's arrays */
  int64_t *chain;      /* [m] steps of the pruned chain, in order */
  int64_t candidates[MOST_CANDIDATES];
  int64_t n_candidates;
  bool is_convex;
} corner_search;

static int compare_lengths(const void *a, const void *b) {
  const ranked_step *left = a, *right = b;
  if (left->length != right->length) {
    return left->length < right->length ? 1 : -1;
  }
  return left->index < right->index ? -1 : 1;
}

static int compare_indices(const void *a, const void *b) {
  const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

static double wedge(double ax, double ay, double bx, double by) {
  return ax * by - bx * ay;
}

static void add_candidate(corner_search *search, int64_t point) {
  for (int64_t i = 0; i < search->n_candidates; i++) {
    if (search->candidates[i] == point) {
      return;
    }
  }
  if (search->n_candidates < MOST_CANDIDATES) {
    search->candidates[search->n_candidates++] = point;
  }
}

/* The sharpest turn to the right of the pruned chain of `count` steps. */
static void add_sharpest(corner_search *search, int64_t count) {
  double sharpest = -straight;
  int64_t at = -1;
  for (int64_t i = 0; i + 1 < count; i++) {
    const int64_t a = search->chain[i], b = search->chain[i + 1];
    const double turn = wedge(search->wx[a], search->wy[a], search->wx[b], search->wy[b]);
    if (turn < sharpest) {
      sharpest = turn;
      at = a + 1;
    }
  }
  if (at >= 0) {
    search->is_convex = true;
    add_candidate(search, at);
  }
}

/* Steps of the pruned chain by their angle with the horizontal, the flattest first. */
static void rank_angles(const corner_search *search, int64_t count, ranked_step *angles) {
  for (int64_t i = 0; i < count; i++) {
    angles[i] = (ranked_step){-fabs(search->wy[search->chain[i]]), i};
  }
  qsort(angles, (size_t)count, sizeof *angles, compare_lengths);
}

/* A flat step that lies before a steep one: the flattest and the steepest if they do, else the
 * first pair when both lists grow together. False when the chain has none. */
static bool find_pair(const ranked_step *angles, int64_t count, int64_t *flat, int64_t *steep) {
  for (int64_t taken = 1; taken <= count; taken++) {
    for (int64_t i = 0; i < taken; i++) {
      /* A pair of which neither is new was looked at before. */
      const int64_t last = i == taken - 1 ? count - 1 : count - taken;
      for (int64_t j = last; j >= count - taken; j--) {
        if (angles[i].index < angles[j].index) {
          *flat = angles[i].index;
          *steep = angles[j].index;
          return true;
        }
      }
    }
  }
  return false;
}

/* The point nearest to where the horizontal through the flat step meets the line of the steep one.
 */
static void add_global(corner_search *search, int64_t count, ranked_step *angles) {
  int64_t flat = 0, steep = 0;
  rank_angles(search, count, angles);
  if (!find_pair(angles, count, &flat, &steep)) {
    return;
  }
  const int64_t a = search->chain[flat], b = search->chain[steep];
  const double *x = search->x, *y = search->y;
  const double rise = y[b + 1] - y[b];
  const double origin_y = y[a];
  const double origin_x =
      rise != 0.0 ? x[b + 1] + (origin_y - y[b + 1]) / rise * (x[b + 1] - x[b]) : x[b + 1];
  double nearest = INFINITY;
  int64_t at = 0;
  for (int64_t i = 0; i < search->n; i++) {
    const double distance = hypot(x[i] - origin_x, y[i] - origin_y);
    if (distance < nearest) {
      nearest = distance;
      at = i;
    }
  }
  add_candidate(search, at);
}

static void prune(corner_search *search, ranked_step *angles) {
  const int64_t m = search->n - 1;
  for (int64_t wanted = smr_int_min(FIRST_PRUNED, m); wanted < 2 * m; wanted *= 2) {
    const int64_t count = smr_int_min(wanted, m);
    for (int64_t i = 0; i < count; i++) {
      search->chain[i] = search->ranked[i].index;
    }
    qsort(search->chain, (size_t)count, sizeof *search->chain, compare_indices);
    add_sharpest(search, count);
    add_global(search, count, angles);
  }
}

/* Among the sorted candidates (the first point is one too): the first after which the solution
 * grows by at least what the residual falls, and at which their chain turns right. */
static int64_t select_candidate(corner_search *search) {
  add_candidate(search, 0);
  const int64_t c = search->n_candidates, *list = search->candidates;
  qsort(search->candidates, (size_t)c, sizeof *search->candidates, compare_indices);
  int64_t last = -1;
  for (int64_t i = 1; i + 1 < c; i++) {
    const double dx = search->x[list[i + 1]] - search->x[list[i]];
    const double dy = search->y[list[i + 1]] - search->y[list[i]];
    if (dy < fabs(dx)) {
      continue;
    }
    last = list[i];
    const double bx = search->x[list[i]] - search->x[list[i - 1]];
    const double by = search->y[list[i]] - search->y[list[i - 1]];
    if (wedge(bx, by, dx, dy) <= 0.0) {
      return list[i];
    }
  }
  return last >= 0 ? last : list[c - 1];
}

static smr_status allocate(int64_t n, corner_search *search, ranked_step **angles) {
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "an L-curve", &search->x));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "an L-curve", &search->y));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "an L-curve", &search->wx));
  SMR_TRY(smr_memory_alloc(n, sizeof(double), "an L-curve", &search->wy));
  SMR_TRY(smr_memory_alloc(n, sizeof(ranked_step), "an L-curve", &search->ranked));
  SMR_TRY(smr_memory_alloc(n, sizeof(int64_t), "an L-curve", &search->kept));
  SMR_TRY(smr_memory_alloc(n, sizeof(int64_t), "an L-curve", &search->chain));
  return smr_memory_alloc(n, sizeof(ranked_step), "an L-curve", angles);
}

static void load(int64_t n, const double *residual, const double *solution, corner_search *search) {
  for (int64_t i = 0; i < n; i++) {
    const bool is_usable =
        residual[i] > 0.0 && solution[i] > 0.0 && isfinite(residual[i]) && isfinite(solution[i]);
    const double x = is_usable ? log10(residual[i]) : 0.0, y = is_usable ? log10(solution[i]) : 0.0;
    const int64_t before = search->n - 1;
    /* A point on top of the last one makes no step. */
    if (!is_usable || (search->n > 0 && x == search->x[before] && y == search->y[before])) {
      continue;
    }
    search->x[search->n] = x;
    search->y[search->n] = y;
    search->kept[search->n++] = i;
  }
  for (int64_t i = 0; i + 1 < search->n; i++) {
    const double dx = search->x[i + 1] - search->x[i], dy = search->y[i + 1] - search->y[i];
    const double length = hypot(dx, dy);
    search->wx[i] = dx / length;
    search->wy[i] = dy / length;
    search->ranked[i] = (ranked_step){length, i};
  }
  qsort(search->ranked, (size_t)smr_int_max(search->n - 1, 0), sizeof *search->ranked,
        compare_lengths);
}

smr_status smr_corner_find(int64_t n, const double *residual, const double *solution,
                           int64_t *corner) {
  corner_search search = {0};
  ranked_step *angles = NULL;
  smr_status status = SMR_OK;
  *corner = -1;
  SMR_TRY_DONE(allocate(n, &search, &angles));
  load(n, residual, solution, &search);
  if (search.n >= 3) {
    prune(&search, angles);
    *corner = search.is_convex ? search.kept[select_candidate(&search)] : -1;
  }
done:
  smr_memory_free(search.x);
  smr_memory_free(search.y);
  smr_memory_free(search.wx);
  smr_memory_free(search.wy);
  smr_memory_free(search.ranked);
  smr_memory_free(search.kept);
  smr_memory_free(search.chain);
  smr_memory_free(angles);
  return status;
}
