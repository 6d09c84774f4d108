/* The sampling rows of `simmer bench`: Gibbs sweeps in parallel tempering, and annealed importance
 * sampling up and down, of an RBM of 784 x 500 units, against the SGEMMs that would multiply the
 * same states.
 *
 * Both take turns, so that they see the same machine; figures are medians. */
#include <string.h>

#include "bench.h"
#include "simmer/base/clock.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/energy/model.h"
#include "simmer/linalg/kernel.h"
#include "simmer/sample/annealing.h"
#include "simmer/sample/tempering.h"

enum { VISIBLE = 784, HIDDEN = 500, WEIGHTS = VISIBLE * HIDDEN, TURNS = 15 };
enum { TEMPERATURES = 10, CHAINS = 128, REPLICAS = TEMPERATURES * CHAINS, SHARD = 128 };
/* The usual 14,501 temperatures; a turn takes every 50th, unless the whole ladder is asked for. */
enum { RUNS = 100, EVERY = 50, WHOLE_PART = 20 };

typedef struct {
  const smr_context *world;
  smr_rbm rbm;
  float *w, *biases; /* [V x H], [V + H] */
  float *v, *h;      /* [128 x V], [128 x H]: states for the SGEMMs */
  float *samples;    /* [100 x V] */
  double *betas;     /* [14501] */
} sample_bench;

static void fill(uint64_t index, int64_t n, double low, double high, float *x) {
  const smr_random_key key = {1, smr_random_stream("bench.sample", 0, 0)};
  for (int64_t i = 0; i < n; i++) {
    x[i] = (float)(low +
                   (high - low) * (double)smr_random_below(key, index, (uint64_t)i, 1000) / 1000);
  }
}

static smr_status create(const smr_context *world, sample_bench *b) {
  const char *what = "an RBM to be timed";
  const int64_t n_betas = smr_annealing_usual_betas(NULL);
  b->world = world;
  SMR_TRY(smr_memory_alloc(WEIGHTS, sizeof(float), what, &b->w));
  SMR_TRY(smr_memory_alloc(VISIBLE + HIDDEN, sizeof(float), what, &b->biases));
  SMR_TRY(smr_memory_alloc((int64_t)SHARD * VISIBLE, sizeof(float), what, &b->v));
  SMR_TRY(smr_memory_alloc((int64_t)SHARD * HIDDEN, sizeof(float), what, &b->h));
  SMR_TRY(smr_memory_alloc((int64_t)RUNS * VISIBLE, sizeof(float), what, &b->samples));
  SMR_TRY(smr_memory_alloc(n_betas, sizeof(double), what, &b->betas));
  fill(1, WEIGHTS, -0.1, 0.1, b->w);
  fill(2, VISIBLE + HIDDEN, -0.5, 0.5, b->biases);
  fill(3, (int64_t)SHARD * VISIBLE, 0.0, 1.0, b->v);
  fill(4, (int64_t)SHARD * HIDDEN, 0.0, 1.0, b->h);
  for (int64_t i = 0; i < (int64_t)RUNS * VISIBLE; i++) {
    b->samples[i] = (float)(i * 7 % 5 < 2);
  }
  smr_annealing_usual_betas(b->betas);
  b->rbm = (smr_rbm){VISIBLE, HIDDEN, b->w, b->biases, b->biases + VISIBLE};
  return SMR_OK;
}

static void destroy(sample_bench *b) {
  smr_memory_free(b->w);
  smr_memory_free(b->biases);
  smr_memory_free(b->v);
  smr_memory_free(b->h);
  smr_memory_free(b->samples);
  smr_memory_free(b->betas);
}

/* v W and h W' of n <= 128 rows, `repeats` times. */
static smr_status multiply(const sample_bench *b, int64_t n, int64_t repeats, float *out) {
  const smr_sgemm hidden = {.m = n,
                            .n = HIDDEN,
                            .k = VISIBLE,
                            .a = b->v,
                            .lda = VISIBLE,
                            .b = b->w,
                            .ldb = HIDDEN,
                            .alpha = 1,
                            .c = out,
                            .ldc = HIDDEN};
  const smr_sgemm visible = {.is_b_transposed = true,
                             .m = n,
                             .n = VISIBLE,
                             .k = HIDDEN,
                             .a = b->h,
                             .lda = HIDDEN,
                             .b = b->w,
                             .ldb = HIDDEN,
                             .alpha = 1,
                             .c = out,
                             .ldc = VISIBLE};
  for (int64_t i = 0; i < repeats; i++) {
    SMR_TRY(smr_kernel_sgemm(&hidden));
    SMR_TRY(smr_kernel_sgemm(&visible));
  }
  return SMR_OK;
}

/* Seconds of the SGEMMs of `repeats` times n rows on this rank, all ranks at once. Collective. */
static smr_status time_products(const sample_bench *b, int64_t n, int64_t repeats,
                                double *seconds) {
  float *out = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_agree(b->world, smr_memory_alloc((int64_t)SHARD * VISIBLE, sizeof *out,
                                                    "products to be timed", &out)));
  SMR_TRY_DONE(smr_agree(b->world, multiply(b, n, 1, out)));
  smr_barrier(b->world);
  const double start = smr_clock_monotonic_s();
  SMR_TRY_DONE(smr_agree(b->world, multiply(b, n, repeats, out)));
  *seconds = smr_clock_monotonic_s() - start;
done:
  smr_memory_free(out);
  return status;
}

/* Prints a row: `flops` of all ranks in `seconds` against what SGEMM took for them, both the means
 * over ranks. */
static void print(bench_work *bench, const char *name, const char *meaning, double flops,
                  const double seconds[2]) {
  const double n = bench->world->size;
  const double mine = smr_bench_sum(bench->world, seconds[0]) / n;
  const double products = smr_bench_sum(bench->world, seconds[1]) / n;
  smr_bench_print(bench,
                  &(bench_row){name, "operation/s", meaning, flops / mine, flops / products, mine});
}

/* --- parallel tempering --- */

static smr_status time_scans(const sample_bench *b, smr_tempering *t, double medians[2]) {
  double scan[TURNS], products[TURNS];
  int64_t first = 0;
  int64_t n_shards = 0;
  int is_done = 0;
  smr_int_share(REPLICAS / SHARD, b->world->size, b->world->rank, &first, &n_shards);
  SMR_TRY(smr_tempering_scan(t, &is_done));
  for (int turn = 0; turn < TURNS; turn++) {
    smr_barrier(b->world);
    const double start = smr_clock_monotonic_s();
    SMR_TRY(smr_tempering_scan(t, &is_done));
    scan[turn] = smr_clock_monotonic_s() - start;
    SMR_TRY(time_products(b, SHARD, n_shards, &products[turn]));
  }
  medians[0] = smr_clock_median(TURNS, scan);
  medians[1] = smr_clock_median(TURNS, products);
  return SMR_OK;
}

static smr_status bench_tempering(bench_work *bench, const sample_bench *b) {
  const smr_tempering_config config = {.n_chains = CHAINS,
                                       .n_temperatures = TEMPERATURES,
                                       .scans = TURNS + 1,
                                       .sweeps = 1,
                                       .seed = 1};
  smr_energy_model *model = NULL;
  smr_tempering *t = NULL;
  double medians[2] = {0.0, 0.0};
  smr_status status = SMR_OK;
  if (!smr_bench_is_wanted(bench, "sample_tempering")) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_agree(b->world, smr_energy_create_rbm(&b->rbm, b->biases, &model)));
  SMR_TRY_DONE(smr_tempering_create(b->world, model, &config, &t));
  SMR_TRY_DONE(time_scans(b, t, medians));
  print(bench, "sample_tempering",
        "scans (a sweep, energies, swaps) of 10 x 128 replicas 784x500, against the sweep's SGEMMs",
        (double)REPLICAS * model->sweep_flops, medians);
done:
  smr_tempering_destroy(&t);
  smr_energy_destroy(&model);
  return status;
}

/* --- annealing --- */

typedef struct {
  const char *name, *meaning;
  int is_reverse, is_whole; /* whole: 14,501 temperatures, only when named */
} annealing_case;

static const annealing_case annealings[] = {
    {"sample_annealing", "a 50th of 14,501 temperatures, 100 runs 784x500, against its SGEMMs", 0,
     0},
    {"sample_annealing_reverse", "the same from samples down", 1, 0},
    {"sample_annealing_whole", "14,501 temperatures, against a 10th of its SGEMMs, scaled", 0, 1},
    {"sample_annealing_whole_reverse", "the same from samples down", 1, 1},
};

static smr_status time_annealing(const sample_bench *b, const annealing_case *a,
                                 const smr_annealing_config *config, double *seconds) {
  smr_annealing_result result;
  smr_barrier(b->world);
  const double start = smr_clock_monotonic_s();
  SMR_TRY(a->is_reverse
              ? smr_annealing_run_reverse(b->world, &b->rbm, config, b->samples, NULL, &result)
              : smr_annealing_run(b->world, &b->rbm, config, NULL, &result));
  *seconds = smr_clock_monotonic_s() - start;
  return SMR_OK;
}

/* Medians of annealing and of its products; each rank's products are of its share of the runs. */
static smr_status time_turns(const sample_bench *b, const annealing_case *a,
                             const smr_annealing_config *config, double medians[2]) {
  const int n_turns = a->is_whole ? 1 : TURNS;
  const int64_t n_steps = config->n_betas - 1;
  const int64_t repeats = a->is_whole ? n_steps / WHOLE_PART : n_steps;
  double annealing[TURNS], products[TURNS], after = 0.0;
  int64_t first = 0;
  int64_t n_runs = 0;
  smr_int_share(RUNS, b->world->size, b->world->rank, &first, &n_runs);
  for (int turn = 0; turn < n_turns; turn++) {
    SMR_TRY(time_products(b, n_runs, repeats, &products[turn]));
    SMR_TRY(time_annealing(b, a, config, &annealing[turn]));
    if (a->is_whole) {
      SMR_TRY(time_products(b, n_runs, repeats, &after));
      products[turn] = (products[turn] + after) / 2 * WHOLE_PART;
    }
  }
  medians[0] = smr_clock_median(n_turns, annealing);
  medians[1] = smr_clock_median(n_turns, products);
  return SMR_OK;
}

static smr_status bench_annealing(bench_work *bench, const sample_bench *b,
                                  const annealing_case *a) {
  const int64_t every = a->is_whole ? 1 : EVERY;
  const smr_annealing_config config = {.n_runs = RUNS,
                                       .n_betas = (smr_annealing_usual_betas(NULL) - 1) / every + 1,
                                       .betas = b->betas,
                                       .base_bias = b->biases,
                                       .seed = 1};
  double medians[2] = {0.0, 0.0};
  if (!a->is_whole) {
    for (int64_t k = 0; k < config.n_betas; k++) {
      b->betas[k] = b->betas[k * every];
    }
  }
  SMR_TRY(time_turns(b, a, &config, medians));
  smr_annealing_usual_betas(b->betas);
  print(bench, a->name, a->meaning, smr_annealing_count_flops(&config, VISIBLE, HIDDEN), medians);
  return SMR_OK;
}

static int is_wanted(const bench_work *bench, const annealing_case *a) {
  return smr_bench_is_wanted(bench, a->name) &&
         (!a->is_whole || strstr(bench->wanted, "_whole") != NULL);
}

smr_status smr_bench_sampling(bench_work *bench) {
  sample_bench b = {.world = bench->world};
  int n_wanted = smr_bench_is_wanted(bench, "sample_tempering");
  smr_status status = SMR_OK;
  for (size_t i = 0; i < sizeof annealings / sizeof *annealings; i++) {
    n_wanted += is_wanted(bench, &annealings[i]);
  }
  if (n_wanted == 0) {
    return SMR_OK;
  }
  SMR_TRY_DONE(smr_agree(bench->world, create(bench->world, &b)));
  SMR_TRY_DONE(bench_tempering(bench, &b));
  for (size_t i = 0; i < sizeof annealings / sizeof *annealings; i++) {
    if (is_wanted(bench, &annealings[i])) {
      SMR_TRY_DONE(bench_annealing(bench, &b, &annealings[i]));
    }
  }
done:
  destroy(&b);
  return status;
}
