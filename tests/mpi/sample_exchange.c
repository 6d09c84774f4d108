/* The swap step of parallel tempering alone, on states that are drawn independently and exactly at
 * every temperature before each scan. */
#include "chi_square.h"
#include "mpi_frame.h"

#include "simmer/sample/tempering.h"

/* A model of 8 states without interactions that a sweep would have to overcome: each sweep draws
 * every row anew from the exact distribution at its temperature. */
enum { UNITS = 3, FEW = 1 << UNITS, PAIRS = FEW * FEW, LADDERS = 30000, RUNGS = 4, EXCHANGES = 6 };
static const double table_u[FEW] = {0.0, 1.1, -0.7, 0.4, 1.9, -1.3, 0.8, -0.2};
static const double table_e0[FEW] = {0.3, -0.4, 0.0, 0.5, -0.2, 0.1, -0.6, 0.2};
static const double rungs[RUNGS] = {0.0, 0.4, 0.75, 1.0};

static void get_few(double beta, double p[FEW]) {
  double z = 0.0;
  for (int s = 0; s < FEW; s++) {
    p[s] = exp(-table_e0[s] - beta * table_u[s]);
    z += p[s];
  }
  for (int s = 0; s < FEW; s++) {
    p[s] /= z;
  }
}

static int get_few_state(const float *x) {
  return (int)x[0] | (int)x[1] << 1 | (int)x[2] << 2;
}

static smr_status redraw(const void *self, const smr_energy_draw *draw, int64_t n,
                         const double *beta, float *const *parts, float *work) {
  (void)self, (void)work;
  for (int64_t i = 0; i < n; i++) {
    double p[FEW], x = 0.0;
    int s = 0;
    get_few(beta[i], p);
    smr_random_uniform(draw->key, draw->sweep, (uint64_t)(draw->first_row + i), 1, &x);
    for (; s < FEW - 1 && x >= p[s]; s++) {
      x -= p[s];
    }
    for (int k = 0; k < UNITS; k++) {
      parts[0][i * UNITS + k] = (float)(s >> k & 1);
    }
  }
  return SMR_OK;
}

static smr_status start_few(const void *self, const smr_energy_draw *draw, int64_t n,
                            float *const *parts) {
  (void)self, (void)draw;
  memset(parts[0], 0, (size_t)(n * UNITS) * sizeof **parts);
  return SMR_OK;
}

static smr_status get_few_energies(const void *self, int64_t n, const float *const *parts,
                                   float *work, double *u) {
  (void)self, (void)work;
  for (int64_t i = 0; i < n; i++) {
    u[i] = table_u[get_few_state(parts[0] + i * UNITS)];
  }
  return SMR_OK;
}

/* Of all chains, edge by edge, since the first scan in which an edge had its turn. */
typedef struct {
  double after[RUNGS - 1][PAIRS]; /* states at both ends after the swaps */
  double tried[RUNGS - 1][PAIRS]; /* and before them */
  double swapped[RUNGS - 1][PAIRS];
  double n[RUNGS - 1];
} exchanges;

/* Counts what a scan did to every edge whose turn it was. */
static void count_exchanges(smr_tempering *t, int64_t scan, exchanges *e) {
  const smr_tempering_view view = smr_tempering_get(t);
  const int32_t *before = view.indices + scan * LADDERS * RUNGS;
  smr_state list = {0};
  assert_ok(smr_tempering_list_state(t, &list));
  const int32_t *replicas = NULL;
  const float *x = NULL;
  for (int64_t i = 0; i < list.n; i++) {
    const smr_array *array = &list.arrays[i].array;
    replicas = strcmp(array->name, "replicas") == 0 ? array->data : replicas;
    x = strcmp(array->name, "states_0") == 0 ? array->data : x;
  }
  for (int64_t chain = 0; chain < LADDERS; chain++) {
    int s[RUNGS], s_before[RUNGS];
    for (int k = 0; k < RUNGS; k++) {
      s[k] = get_few_state(x + (chain * RUNGS + replicas[chain * RUNGS + k]) * UNITS);
      s_before[k] = get_few_state(x + (chain * RUNGS + before[chain * RUNGS + k]) * UNITS);
    }
    for (int64_t k = scan % 2; k + 1 < RUNGS; k += 2) {
      const int pair = s_before[k] * FEW + s_before[k + 1];
      e->after[k][s[k] * FEW + s[k + 1]]++;
      e->tried[k][pair]++;
      e->swapped[k][pair] += replicas[chain * RUNGS + k] != before[chain * RUNGS + k];
      e->n[k]++;
    }
  }
}

/* Deviations of the states at the ends of edge k from independence. */
static double measure_pairs(int k, const double counts[PAIRS], double n) {
  double p[PAIRS], hot[FEW], cold[FEW];
  get_few(rungs[k], hot);
  get_few(rungs[k + 1], cold);
  for (int pair = 0; pair < PAIRS; pair++) {
    p[pair] = hot[pair / FEW] * cold[pair % FEW];
  }
  return chi_square_deviations(PAIRS, counts, p, n);
}

static double get_acceptance(int k, int pair, double factor) {
  const double x = factor * (rungs[k + 1] - rungs[k]) * (table_u[pair % FEW] - table_u[pair / FEW]);
  return fmin(1.0, exp(x));
}

/* What the states after a swap would expectedly be, had the exponent been `factor` times itself. */
static double measure_wrong(int k, const double tried[PAIRS], double n, double factor) {
  double counts[PAIRS] = {0};
  for (int pair = 0; pair < PAIRS; pair++) {
    const double accepted = tried[pair] * get_acceptance(k, pair, factor);
    counts[pair % FEW * FEW + pair / FEW] += accepted;
    counts[pair] += tried[pair] - accepted;
  }
  return measure_pairs(k, counts, n);
}

/* Chi-square of the numbers of swaps of every pair of states, each binomial; pairs that are always
 * swapped are so. */
static double measure_swaps(int k, const exchanges *e) {
  double chi2 = 0.0;
  int n_degrees = 0;
  for (int pair = 0; pair < PAIRS; pair++) {
    const double p = get_acceptance(k, pair, 1.0);
    const double n = e->tried[k][pair];
    const double variance = n * p * (1.0 - p);
    if (p == 1.0) {
      assert_true(e->swapped[k][pair] == n);
    } else if (variance > 5.0) {
      chi2 += pow(e->swapped[k][pair] - n * p, 2.0) / variance;
      n_degrees++;
    }
  }
  assert_true(n_degrees > 20);
  return (chi2 - n_degrees) / sqrt(2.0 * n_degrees);
}

/* Independent exact states at all temperatures stay independent and exact, and each pair of states
 * is swapped as often as Metropolis has it. */
static void test_detailed_balance(void **state) {
  static exchanges e;
  const smr_energy_model model = {.name = "few",
                                  .n_parts = 1,
                                  .widths = {UNITS},
                                  .energy = get_few_energies,
                                  .sweep = redraw,
                                  .start = start_few};
  const smr_tempering_config config = {.n_chains = LADDERS,
                                       .n_temperatures = RUNGS,
                                       .scans = EXCHANGES,
                                       .sweeps = 1,
                                       .betas = rungs,
                                       .seed = 6};
  (void)state;
  memset(&e, 0, sizeof e);
  smr_tempering *t = NULL;
  smr_context *alone = NULL;
  int index = 0, is_done = 0;
  assert_ok(smr_context_split(test_world, 1, &alone, &index));
  assert_ok(smr_tempering_create(alone, &model, &config, &t));
  for (int64_t scan = 0; scan < EXCHANGES; scan++) {
    assert_ok(smr_tempering_scan(t, &is_done));
    count_exchanges(t, scan, &e);
  }
  const smr_tempering_view view = smr_tempering_get(t);
  for (int k = 0; k + 1 < RUNGS; k++) {
    double rejected = 0.0;
    double hot[FEW], cold[FEW];
    get_few(rungs[k], hot);
    get_few(rungs[k + 1], cold);
    for (int pair = 0; pair < PAIRS; pair++) {
      rejected += hot[pair / FEW] * cold[pair % FEW] * (1.0 - get_acceptance(k, pair, 1.0));
    }
    const double found[] = {measure_pairs(k, e.tried[k], e.n[k]),
                            measure_pairs(k, e.after[k], e.n[k]), measure_swaps(k, &e)};
    const double wrong[] = {measure_wrong(k, e.tried[k], e.n[k], 0.8),
                            measure_wrong(k, e.tried[k], e.n[k], 1.25),
                            measure_wrong(k, e.tried[k], e.n[k], -1.0)};
    if (test_world->rank == 0) {
      print_message("edge %d: %.1f before, %.1f after, %.1f swaps; would be %.1f, %.1f, %.1f\n", k,
                    found[0], found[1], found[2], wrong[0], wrong[1], wrong[2]);
    }
    for (int i = 0; i < 3; i++) {
      assert_true(found[i] < chi_square_limit);
      assert_true(wrong[i] > 2.0 * chi_square_limit);
    }
    /* Rejections are between 0 and 1: their standard error is below this. */
    assert_close(view.rejection[k], rejected, 0.0, 4.0 * 0.5 / sqrt(LADDERS * EXCHANGES));
  }
  smr_tempering_destroy(&t);
  smr_context_destroy(&alone);
}

MPI_TEST_MAIN(cmocka_unit_test(test_detailed_balance))
