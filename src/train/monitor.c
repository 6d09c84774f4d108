/* Monitors of a training: from sums over shards to means, exact likelihoods, and the spectrum of W.
 *
 * V: visible units, H: hidden units. */
#include "simmer/train/monitor.h"

#include <inttypes.h>
#include <math.h>

#include "monitor_rows.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/comm/reduce.h"
#include "simmer/linalg/svd.h"
#include "simmer/sample/enumerate.h"

/* Up to this share of all singular values the Gram matrix is the faster way to the leading ones:
 * 25 ms where bidiagonalization takes 34 ms (784 x 500, one core, Zen 5). */
enum { GRAM_SHARE = 4 };

struct smr_monitor {
  const smr_context *context;
  smr_monitor_config config;
  int64_t n_visible, n_hidden;
  bool is_exact;
  smr_monitor_rows rows;
  /* Of the spectrum: rank 0 works alone. */
  smr_context *alone;
  smr_grid *grid;
  double *matrix; /* [V x H] on rank 0 */
};

static bool is_exact(const smr_monitor_config *config, int64_t n_visible, int64_t n_hidden) {
  return config->has_exact && smr_int_min(n_visible, n_hidden) <= config->exact_units;
}

/* Rows of each stream that are measured. */
static void choose_rows(const smr_monitor_config *config, const smr_image_shape *shape,
                        int64_t n_hidden, int64_t n_rows[SMR_MONITOR_STREAMS]) {
  n_rows[SMR_STREAM_TRAIN] = smr_int_min(config->rows, shape->n_train);
  n_rows[SMR_STREAM_VALID] = smr_int_min(config->rows, shape->n_valid);
  n_rows[SMR_STREAM_TEST] =
      config->has_test || is_exact(config, shape->n_pixels, n_hidden) ? shape->n_test : 0;
}

/* Local part of creation. */
static smr_status prepare(const smr_images *images, smr_monitor *monitor) {
  const smr_monitor_config *config = &monitor->config;
  const smr_image_shape shape = smr_images_get_shape(images);
  const int64_t m = smr_int_min(shape.n_pixels, monitor->n_hidden);
  int64_t n_rows[SMR_MONITOR_STREAMS];
  monitor->n_visible = shape.n_pixels;
  monitor->is_exact = is_exact(config, shape.n_pixels, monitor->n_hidden);
  if (config->rows < 0 || config->n_singular_values < 0 || monitor->n_hidden < 1) {
    SMR_FAIL(SMR_ERR_INTERNAL, "a monitor of a negative number of rows, values or units");
  }
  if (monitor->is_exact && m > SMR_ENUMERATE_MOST_UNITS) {
    SMR_FAIL(SMR_ERR_LIMIT,
             "an exact ln Z of %" PRId64 " x %" PRId64 " units: at most %d can be "
             "enumerated",
             shape.n_pixels, monitor->n_hidden, SMR_ENUMERATE_MOST_UNITS);
  }
  choose_rows(config, &shape, monitor->n_hidden, n_rows);
  SMR_TRY(
      smr_monitor_rows_init(monitor->context, images, n_rows, monitor->n_hidden, &monitor->rows));
  monitor->rows.units.seed = config->seed;
  if (config->n_singular_values > 0 && monitor->context->rank == 0) {
    int64_t n = 0;
    SMR_TRY(smr_int_multiply(monitor->n_visible, monitor->n_hidden, "the weights", &n));
    SMR_TRY(smr_memory_alloc(n, sizeof(double), "the spectrum of W", &monitor->matrix));
  }
  return SMR_OK;
}

smr_status smr_monitor_create(const smr_context *context, const smr_monitor_config *config,
                              const smr_images *images, int64_t n_hidden, smr_monitor **out) {
  smr_monitor *monitor = NULL;
  int index = 0;
  *out = NULL;
  smr_status status = smr_memory_alloc(1, sizeof *monitor, "a monitor", &monitor);
  if (status == SMR_OK) {
    monitor->context = context;
    monitor->config = *config;
    monitor->n_hidden = n_hidden;
    status = prepare(images, monitor);
  }
  SMR_TRY_DONE(smr_agree(context, status));
  if (config->n_singular_values > 0) {
    SMR_TRY_DONE(smr_context_split(context, 1, &monitor->alone, &index));
    SMR_TRY_DONE(smr_agree(context, smr_grid_create(monitor->alone, &monitor->grid)));
  }
  *out = monitor;
  monitor = NULL;
done:
  smr_monitor_destroy(&monitor);
  return status;
}

void smr_monitor_destroy(smr_monitor **monitor) {
  if (monitor == NULL || *monitor == NULL) {
    return;
  }
  smr_grid_destroy(&(*monitor)->grid);
  smr_context_destroy(&(*monitor)->alone);
  smr_monitor_rows_clear(&(*monitor)->rows);
  smr_memory_free((*monitor)->matrix);
  smr_memory_free(*monitor);
  *monitor = NULL;
}

static smr_status check_model(const smr_monitor *monitor, const smr_rbm *rbm) {
  if (rbm->n_visible != monitor->n_visible || rbm->n_hidden != monitor->n_hidden) {
    SMR_FAIL(SMR_ERR_INTERNAL,
             "an RBM of %" PRId64 " x %" PRId64 " units for a monitor of %" PRId64 " x %" PRId64,
             rbm->n_visible, rbm->n_hidden, monitor->n_visible, monitor->n_hidden);
  }
  return SMR_OK;
}

/* Sum of squares, in one order on all ranks: 8 sums side by side. */
static double add_squares(int64_t n, const float *x) {
  enum { LANES = 8 };
  double sums[LANES] = {0.0};
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    sums[i % LANES] += (double)x[i] * (double)x[i];
  }
  for (int l = 0; l < LANES; l++) {
    sum += sums[l];
  }
  return sum;
}

/* Local part of a measurement. */
static smr_status measure_local(smr_monitor *monitor, const smr_rbm *rbm, int64_t step,
                                double *weight_norm) {
  SMR_TRY(check_model(monitor, rbm));
  *weight_norm = sqrt(add_squares(rbm->n_visible * rbm->n_hidden, rbm->w));
  if (!isfinite(*weight_norm + add_squares(rbm->n_visible, rbm->visible_bias) +
                add_squares(rbm->n_hidden, rbm->hidden_bias))) {
    SMR_FAIL(SMR_ERR_NUMERIC, "a weight or bias is NaN or infinite");
  }
  return smr_monitor_rows_measure(&monitor->rows, rbm, step);
}

static double divide(double sum, double n) {
  return n > 0.0 ? sum / n : (double)NAN;
}

/* Variance of the mean of n numbers. */
static double get_variance(double sum, double squares, double n) {
  const double mean = divide(sum, n);
  return n > 1.0 ? fmax(squares / n - mean * mean, 0.0) / (n - 1.0) : (double)NAN;
}

/* From sums to means. Without training rows all but free_energy_valid is NaN. */
static void fill_values(const smr_monitor *monitor, const double *sums,
                        smr_monitor_values *values) {
  const double n = (double)monitor->rows.n_rows[SMR_STREAM_TRAIN];
  const double n_valid = (double)monitor->rows.n_rows[SMR_STREAM_VALID];
  const double variance =
      get_variance(sums[SMR_SUM_ENERGY_TRAIN], sums[SMR_SUM_SQUARE_TRAIN], n) +
      get_variance(sums[SMR_SUM_ENERGY_VALID], sums[SMR_SUM_SQUARE_VALID], n_valid);
  values->free_energy_train = divide(sums[SMR_SUM_ENERGY_TRAIN], n);
  values->free_energy_valid = divide(sums[SMR_SUM_ENERGY_VALID], n_valid);
  values->free_energy_test =
      divide(sums[SMR_SUM_ENERGY_TEST], (double)monitor->rows.n_rows[SMR_STREAM_TEST]);
  values->free_energy_gap = values->free_energy_valid - values->free_energy_train;
  values->free_energy_gap_stderr = sqrt(variance);
  values->reconstruction_error = divide(sums[SMR_SUM_ERROR], n * (double)monitor->n_visible);
  values->pseudo_log_likelihood = divide(sums[SMR_SUM_PSEUDO], n) * (double)monitor->n_visible;
  values->hidden_activity = divide(sums[SMR_SUM_ACTIVE], n * (double)monitor->n_hidden);
  values->log_z = values->log_likelihood_train = values->log_likelihood_test = (double)NAN;
}

static smr_status measure_exact(const smr_monitor *monitor, const smr_rbm *rbm,
                                smr_monitor_values *values) {
  SMR_TRY(smr_enumerate_log_z(monitor->context, rbm, &values->log_z));
  values->log_likelihood_train = -values->free_energy_train - values->log_z;
  values->log_likelihood_test = -values->free_energy_test - values->log_z;
  return SMR_OK;
}

/* Collective, like all from here on. */
static smr_status measure(smr_monitor *monitor, const smr_rbm *rbm, int64_t step,
                          smr_monitor_values *values) {
  double sums[SMR_N_SUMS] = {0.0};
  SMR_TRY(smr_agree(monitor->context, measure_local(monitor, rbm, step, &values->weight_norm)));
  SMR_TRY(smr_reduce_sum64(monitor->context, monitor->rows.n_shards, SMR_N_SUMS, monitor->rows.sums,
                           sums));
  fill_values(monitor, sums, values);
  return monitor->is_exact ? measure_exact(monitor, rbm, values) : SMR_OK;
}

smr_status smr_monitor_measure(smr_monitor *monitor, const smr_rbm *rbm, int64_t step,
                               smr_monitor_values *values) {
  smr_status status = measure(monitor, rbm, step, values);
  return status == SMR_ERR_NUMERIC
             ? smr_error_prefix(status, "the training has diverged by step %" PRId64, step)
             : status;
}

/* Values of W' as LAPACK sees it, [H x V] column-major: the same. Local, on rank 0. */
static smr_status factor(const smr_monitor *monitor, const smr_rbm *rbm, double *s) {
  const int64_t n = monitor->config.n_singular_values;
  const int64_t m = smr_int_min(monitor->n_visible, monitor->n_hidden);
  smr_svd *svd = NULL;
  SMR_TRY(check_model(monitor, rbm));
  for (int64_t i = 0; i < monitor->n_visible * monitor->n_hidden; i++) {
    monitor->matrix[i] = (double)rbm->w[i];
  }
  SMR_TRY(smr_svd_create(monitor->grid, n * GRAM_SHARE <= m ? SMR_SVD_GRAM : SMR_SVD_AUTO,
                         monitor->n_hidden, monitor->n_visible, monitor->matrix, monitor->n_hidden,
                         &svd));
  for (int64_t k = 0; k < n; k++) {
    s[k] = k < m ? smr_svd_get_values(svd)[k] : (double)NAN;
  }
  smr_svd_destroy(&svd);
  return SMR_OK;
}

smr_status smr_monitor_measure_spectrum(smr_monitor *monitor, const smr_rbm *rbm, double *s) {
  const smr_context *context = monitor->context;
  const int64_t n = monitor->config.n_singular_values;
  if (n == 0) {
    return SMR_OK;
  }
  SMR_TRY(smr_agree_root(context, 0, context->rank == 0 ? factor(monitor, rbm, s) : SMR_OK));
  smr_broadcast(context, 0, s, (size_t)n * sizeof *s);
  return SMR_OK;
}

/* Bytes of the spectrum on rank 0, and of the enumeration. */
static int64_t count_more_bytes(const smr_monitor_config *config, int64_t n_visible,
                                int64_t n_hidden, int n_threads) {
  int64_t bytes = 0;
  if (config->n_singular_values > 0) {
    bytes += 8 * n_visible * n_hidden + smr_svd_count_bytes(n_visible, n_hidden, 1);
  }
  if (is_exact(config, n_visible, n_hidden)) {
    bytes = smr_int_max(bytes, smr_enumerate_count_bytes(n_visible, n_hidden, n_threads));
  }
  return bytes;
}

void smr_monitor_count_cost(const smr_monitor_config *config, const smr_image_shape *shape,
                            int64_t n_hidden, int n_ranks, int n_threads, smr_monitor_cost *cost) {
  const int64_t n_visible = shape->n_pixels;
  const double v = (double)n_visible;
  const double h = (double)n_hidden;
  const double slow_row = 20.0 * h + 10.0 * v;       /* softplus; bytes to numbers, b'v */
  const double slow_training = 100.0 * h + 30.0 * v; /* the flipped unit; logistic functions */
  int64_t n_rows[SMR_MONITOR_STREAMS];
  choose_rows(config, shape, n_hidden, n_rows);
  const double n_train = (double)n_rows[SMR_STREAM_TRAIN];
  const double n_all = n_train + (double)n_rows[SMR_STREAM_VALID] + (double)n_rows[SMR_STREAM_TEST];
  const double m = (double)smr_int_min(n_visible, n_hidden);
  *cost = (smr_monitor_cost){
      .flops = 2.0 * v * h * (n_all + n_train),
      .slow_flops = n_all * slow_row + n_train * slow_training,
      .bytes = smr_monitor_rows_count_bytes(n_rows, n_visible, n_hidden, n_ranks, n_threads) +
               count_more_bytes(config, n_visible, n_hidden, n_threads),
  };
  if (is_exact(config, n_visible, n_hidden)) {
    cost->exact_flops = smr_enumerate_count_flops(n_visible, n_hidden);
  }
  if (config->n_singular_values > 0) {
    /* The Gram matrix and its eigenvectors. */
    cost->spectrum_flops = (double)config->n_singular_values * GRAM_SHARE <= m
                               ? v * h * m + 9.0 * m * m * m
                               : smr_svd_count_flops(n_visible, n_hidden, 0);
  }
}
