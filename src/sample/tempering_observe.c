/* What else a caller sees of the replicas: who is where, states at beta = 1, numbers of any kind
 * made from the states. */
#include <stdbool.h>
#include <string.h>

#include "simmer/base/integer.h"
#include "simmer/comm/reduce.h"
#include "tempering_private.h"

const int32_t *smr_tempering_get_replicas(const smr_tempering *t) {
  return t->replicas;
}

/* A sample comes from one rank, as bits; the others add zeros. */
smr_status smr_tempering_get_part(const smr_tempering *t, int part, float *x) {
  const int64_t most = t->config.most_temperatures;
  const int64_t width = t->model->widths[part];
  const int64_t n_words = smr_int_ceil_divide(width, TEMPERING_WORD_BITS);
  const int64_t n = t->config.n_chains * n_words;
  memset(t->bits, 0, (size_t)n * sizeof *t->bits);
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    const int64_t row = c * most + t->replicas[c * most + t->n_temperatures - 1] - t->first_row;
    uint32_t *words = (uint32_t *)t->bits + c * n_words;
    for (int64_t j = 0; row >= 0 && row < t->n_rows && j < width; j++) {
      words[j / TEMPERING_WORD_BITS] |= (uint32_t)(t->parts[part][row * width + j] != 0.0F)
                                        << j % TEMPERING_WORD_BITS;
    }
  }
  SMR_TRY(smr_reduce_sum32(t->context, n, t->bits));
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    const uint32_t *words = (const uint32_t *)t->bits + c * n_words;
    for (int64_t j = 0; j < width; j++) {
      x[c * width + j] = (float)(words[j / TEMPERING_WORD_BITS] >> j % TEMPERING_WORD_BITS & 1U);
    }
  }
  return SMR_OK;
}

int64_t smr_tempering_count_observed(const smr_tempering *t, int64_t n) {
  return t->context->size * t->share_rows * n;
}

/* This rank's rows, shard by shard. */
static void observe_rows(const smr_tempering *t, const smr_tempering_observer *observer,
                         double *x) {
  const int64_t n_shards = smr_int_ceil_divide(t->n_rows, TEMPERING_SHARD_ROWS);
#pragma omp parallel for schedule(static) num_threads(t->n_threads)
  for (int64_t s = 0; s < n_shards; s++) {
    const int64_t first = s * TEMPERING_SHARD_ROWS;
    const float *parts[SMR_ENERGY_PARTS] = {NULL};
    for (int p = 0; p < t->model->n_parts; p++) {
      parts[p] = t->parts[p] + first * t->model->widths[p];
    }
    observer->observe(observer->self, smr_int_min(TEMPERING_SHARD_ROWS, t->n_rows - first), parts,
                      x + first * observer->n);
  }
}

/* Where the numbers of a row are among those gathered: the first n % size ranks have a shard more
 * (smr_int_share). */
static const double *find_row(const smr_tempering *t, const smr_tempering_observer *observer,
                              const double *gathered, int64_t row) {
  const int64_t n_rows = t->config.n_chains * t->config.most_temperatures;
  const int64_t n_shards = smr_int_ceil_divide(n_rows, TEMPERING_SHARD_ROWS);
  const int64_t few = n_shards / t->context->size;
  const int64_t n_larger = n_shards % t->context->size;
  const int64_t shard = row / TEMPERING_SHARD_ROWS;
  const bool is_larger = shard < n_larger * (few + 1);
  const int64_t rank =
      is_larger ? shard / (few + 1) : n_larger + (shard - n_larger * (few + 1)) / few;
  const int64_t first = rank * few + smr_int_min(rank, n_larger);
  return gathered + (rank * t->share_rows + row - first * TEMPERING_SHARD_ROWS) * observer->n;
}

smr_status smr_tempering_observe(const smr_tempering *t, const smr_tempering_observer *observer,
                                 double *work, float *x) {
  const int64_t most = t->config.most_temperatures;
  const int64_t stride = t->share_rows * observer->n;
  int narrow = 0;
  SMR_TRY(smr_int_narrow(stride, "observed numbers of a rank", &narrow));
  observe_rows(t, observer, work + t->context->rank * stride);
  smr_gather_all(t->context, narrow, work);
  for (int64_t c = 0; c < t->config.n_chains; c++) {
    for (int64_t i = 0; i < t->n_temperatures; i++) {
      const double *from = find_row(t, observer, work, c * most + t->replicas[c * most + i]);
      for (int64_t k = 0; k < observer->n; k++) {
        *x++ = (float)from[k];
      }
    }
  }
  return SMR_OK;
}
