/* Independent configurations of the L x L periodic Ising model at coupling K = J / kT: row i is a
 * run of its own, keyed by i, from a random start through `sweeps` cluster sweeps (Swendsen, Wang
 * 1987). Every bond between equal spins is closed with probability 1 - e^{-2K}; every cluster then
 * takes a random sign. N = L^2 spins. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "image_source.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"

enum { MAX_SIDE = 4096, DEFAULT_COUNT = 60000, MAX_SWEEPS = 1000000000 };

typedef struct {
  int64_t side;
  int64_t sweeps;
  uint64_t closed; /* a bond closes when 32 random bits are below this: 2^32 (1 - e^{-2K}) */
  smr_random_key key;
} ising;

/* Of one run. */
typedef struct {
  int32_t *parents; /* [N] union-find: the root of a cluster is its first site */
  uint64_t *words;  /* [N] of random bits */
} workspace;

static ising get_model(const smr_image_config *config) {
  const double closed = -expm1(-2.0 * config->coupling);
  return (ising){.side = config->side,
                 .sweeps = config->sweeps,
                 .closed = (uint64_t)llround(closed * 0x1p32),
                 .key = {.seed = config->seed, .stream = smr_random_stream("images.ising", 0, 0)}};
}

static smr_status plan_ising(const smr_image_config *config, const char *data_folder,
                             smr_image_plan *plan, void **reader) {
  (void)data_folder, (void)reader;
  if (config->side < 2 || config->side > MAX_SIDE) {
    SMR_FAIL(SMR_ERR_INPUT, "an Ising model has a side of 2 to %d, not %lld", (int)MAX_SIDE,
             (long long)config->side);
  }
  if (!(config->coupling >= 0.0 && isfinite(config->coupling))) {
    SMR_FAIL(SMR_ERR_INPUT, "the coupling of an Ising model is 0 or more, not %g",
             config->coupling);
  }
  if (config->sweeps < 0 || config->sweeps > MAX_SWEEPS) {
    SMR_FAIL(SMR_ERR_INPUT, "%lld cluster sweeps: there can be 0 to %d", (long long)config->sweeps,
             (int)MAX_SWEEPS);
  }
  *plan = (smr_image_plan){.height = config->side,
                           .width = config->side,
                           .end = 2 * smr_image_test_numbers,
                           .is_two_valued = 1};
  const int64_t count = config->count < 0 ? DEFAULT_COUNT : config->count;
  SMR_TRY(smr_image_plan_rows(config, count, count / 6, plan));
  plan->test_first = plan->n_rows;
  return smr_int_add(plan->n_rows, plan->n_test, "rows of Ising configurations", &plan->n_kept);
}

static smr_status create_workspace(int64_t n_spins, workspace *w) {
  SMR_TRY(smr_memory_alloc(n_spins, sizeof *w->parents, "clusters of spins", &w->parents));
  return smr_memory_alloc(n_spins + 4, sizeof *w->words, "random bits of spins", &w->words);
}

static void clear_workspace(workspace *w) {
  smr_memory_free(w->parents);
  smr_memory_free(w->words);
}

/* n words of random bits for run `run` at step `step`. */
static void fill_words(smr_random_key key, uint64_t run, uint64_t step, int64_t n,
                       uint64_t *words) {
  for (int64_t i = 0; i < n; i += 4) {
    smr_random_bits(key, run, step, (uint64_t)(i / 4), words + i);
  }
}

/* Up or down by bit i of the words. */
static inline uint8_t get_spin(const uint64_t *words, int64_t i) {
  return (words[i / 64] >> i % 64 & 1) != 0 ? 255 : 0;
}

/* The first site of a cluster, halving the way to it. */
static inline int32_t find_root(int32_t *parents, int32_t site) {
  while (parents[site] != site) {
    parents[site] = parents[parents[site]];
    site = parents[site];
  }
  return site;
}

static inline void join(int32_t *parents, int32_t a, int32_t b) {
  const int32_t p = find_root(parents, a), q = find_root(parents, b);
  if (p < q) {
    parents[q] = p;
  } else {
    parents[p] = q;
  }
}

/* Bonds to the right by the low 32 bits of a site's word, downwards by the high ones. On a lattice
 * of side 2 the two bonds between neighbours are two. */
static void close_bonds(const ising *model, const uint8_t *spins, workspace *w) {
  const int64_t side = model->side;
  for (int64_t i = 0; i < side * side; i++) {
    w->parents[i] = (int32_t)i;
  }
  for (int64_t y = 0; y < side; y++) {
    for (int64_t x = 0; x < side; x++) {
      const int64_t i = y * side + x;
      const int64_t right = y * side + (x + 1 < side ? x + 1 : 0);
      const int64_t down = (y + 1 < side ? i + side : x);
      if (spins[i] == spins[right] && (w->words[i] & 0xffffffffU) < model->closed) {
        join(w->parents, (int32_t)i, (int32_t)right);
      }
      if (spins[i] == spins[down] && w->words[i] >> 32 < model->closed) {
        join(w->parents, (int32_t)i, (int32_t)down);
      }
    }
  }
}

/* Roots are first sites: they have their new sign before any other site of theirs asks for it. */
static void flip_clusters(int64_t n_spins, workspace *w, uint8_t *spins) {
  for (int64_t i = 0; i < n_spins; i++) {
    const int32_t root = find_root(w->parents, (int32_t)i);
    spins[i] = root == i ? get_spin(w->words, i) : spins[root];
  }
}

/* The configuration of one run: 255 up, 0 down. A sweep takes two steps of the generator: a word a
 * site for its bonds, then a bit a site for its cluster. */
static void run_one(const ising *model, uint64_t run, workspace *w, uint8_t *spins) {
  const int64_t n = model->side * model->side;
  const int64_t n_words = smr_int_ceil_divide(n, 64);
  fill_words(model->key, run, 0, n_words, w->words);
  for (int64_t i = 0; i < n; i++) {
    spins[i] = get_spin(w->words, i);
  }
  for (int64_t sweep = 0; sweep < model->sweeps; sweep++) {
    const uint64_t step = 1 + 2 * (uint64_t)sweep;
    fill_words(model->key, run, step, n, w->words);
    close_bonds(model, spins, w);
    fill_words(model->key, run, step + 1, n_words, w->words);
    flip_clusters(n, w, spins);
  }
}

/* Rows first..first+count-1 of n_rows for training and test rows behind them, by the threads of
 * this rank: a row is a run of its own, so nobody's share matters. */
static smr_status make_rows(const ising *model, int64_t n_rows, int64_t first, int64_t count,
                            uint8_t *pixels) {
  const int64_t n = model->side * model->side;
  /* Threads that write images come here one by one. */
  const int n_threads =
      omp_in_parallel() ? 1 : (int)smr_int_max(1, smr_int_min(omp_get_max_threads(), count));
  workspace *works = NULL;
  smr_status status = SMR_OK;
  SMR_TRY_DONE(smr_memory_alloc(n_threads, sizeof *works, "workspaces", &works));
  for (int t = 0; t < n_threads; t++) {
    SMR_TRY_DONE(create_workspace(n, &works[t]));
  }
#pragma omp parallel for schedule(dynamic, 1) num_threads(n_threads)
  for (int64_t i = 0; i < count; i++) {
    const int64_t row = first + i;
    const int64_t run = row < n_rows ? row : smr_image_test_numbers + row - n_rows;
    run_one(model, (uint64_t)run, &works[omp_get_thread_num()], pixels + i * n);
  }
done:
  for (int t = 0; works != NULL && t < n_threads; t++) {
    clear_workspace(&works[t]);
  }
  smr_memory_free(works);
  return status;
}

static smr_status make_ising(const smr_image_config *config, const smr_image_plan *plan,
                             const smr_image_memory *memory, int64_t part, int64_t n_parts) {
  const ising model = get_model(config);
  int64_t first = 0, count = 0;
  smr_int_share(plan->n_kept, n_parts, part, &first, &count);
  memset(memory->labels + first, SMR_NO_LABEL, (size_t)count);
  return make_rows(&model, plan->n_rows, first, count,
                   memory->pixels + first * model.side * model.side);
}

/* Runs are made again: any number, kept or not. */
static smr_status generate_ising(const smr_images *images, int64_t first, int64_t n,
                                 uint8_t *pixels, uint8_t *labels) {
  const ising model = get_model(&images->config);
  if (labels != NULL) {
    memset(labels, SMR_NO_LABEL, (size_t)n);
  }
  return make_rows(&model, INT64_MAX, first, n, pixels);
}

const smr_image_ops smr_image_ising_ops = {.name = "ising",
                                           .plan = plan_ising,
                                           .make = make_ising,
                                           .is_kept = true,
                                           .generate = generate_ising};
