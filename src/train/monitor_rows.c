/* Sums over shards of rows. V: visible units, H: hidden units, x: pre-activations of hidden units.
 */
#include "monitor_rows.h"

#include <inttypes.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "simmer/base/fault.h"
#include "simmer/base/integer.h"
#include "simmer/base/memory.h"
#include "simmer/base/vector.h"

/* What one thread works with. */
typedef struct {
  float *v, *v_mean; /* [shard rows x V] */
  float *h;          /* [shard rows x H] */
  double *energies;  /* [shard rows] */
  double *x;         /* [H] */
} scratch;

static int64_t count_shards(int64_t n_rows) {
  return smr_int_ceil_divide(n_rows, SMR_MONITOR_SHARD_ROWS);
}

/* Shard number `shard` of all: streams one after another. */
static smr_monitor_shard find_shard(const int64_t *n_rows, int64_t shard) {
  int stream = 0;
  while (shard >= count_shards(n_rows[stream])) {
    shard -= count_shards(n_rows[stream]);
    stream++;
  }
  const int64_t first = shard * SMR_MONITOR_SHARD_ROWS;
  return (smr_monitor_shard){.stream = (smr_stream)stream,
                             .first_row = first,
                             .n_rows = smr_int_min(SMR_MONITOR_SHARD_ROWS, n_rows[stream] - first)};
}

static int64_t count_all_shards(const int64_t *n_rows) {
  int64_t n = 0;
  for (int s = 0; s < SMR_MONITOR_STREAMS; s++) {
    n += count_shards(n_rows[s]);
  }
  return n;
}

/* This rank's shards; returns its rows. */
static int64_t list_shards(const smr_context *context, smr_monitor_rows *rows) {
  int64_t first = 0;
  int64_t n = 0;
  int64_t total = 0;
  smr_int_share(count_all_shards(rows->n_rows), context->size, context->rank, &first, &n);
  for (int64_t k = 0; k < n; k++) {
    rows->shards[k] = find_shard(rows->n_rows, first + k);
    rows->shards[k].offset = total * rows->n_visible;
    total += rows->shards[k].n_rows;
  }
  return total;
}

static int64_t count_work(int64_t n_visible, int64_t n_hidden) {
  return SMR_MONITOR_SHARD_ROWS * (2 * n_visible + n_hidden);
}

static smr_status allocate(const smr_context *context, smr_monitor_rows *rows) {
  const char *what = "the rows of a monitor";
  int64_t first = 0;
  int64_t n_bytes = 0;
  smr_int_share(count_all_shards(rows->n_rows), context->size, context->rank, &first,
                &rows->n_shards);
  SMR_TRY(smr_memory_alloc(rows->n_shards, sizeof *rows->shards, what, &rows->shards));
  SMR_TRY(smr_int_multiply(list_shards(context, rows), rows->n_visible, what, &n_bytes));
  SMR_TRY(smr_memory_alloc(n_bytes, 1, what, &rows->pixels));
  SMR_TRY(smr_memory_alloc(rows->n_shards * SMR_N_SUMS, sizeof(double), what, &rows->sums));
  SMR_TRY(smr_memory_alloc(rows->n_threads * rows->work_floats, sizeof(float), what, &rows->work));
  SMR_TRY(smr_memory_alloc((int64_t)rows->n_threads * SMR_MONITOR_SHARD_ROWS, sizeof(double), what,
                           &rows->energies));
  return smr_memory_alloc(rows->n_threads * rows->n_hidden, sizeof(double), what, &rows->row_work);
}

static scratch get_scratch(const smr_monitor_rows *rows, int thread) {
  float *v = rows->work + thread * rows->work_floats;
  float *v_mean = v + SMR_MONITOR_SHARD_ROWS * rows->n_visible;
  return (scratch){.v = v,
                   .v_mean = v_mean,
                   .h = v_mean + SMR_MONITOR_SHARD_ROWS * rows->n_visible,
                   .energies = rows->energies + (int64_t)thread * SMR_MONITOR_SHARD_ROWS,
                   .x = rows->row_work + thread * rows->n_hidden};
}

/* Images are bytes / 255, so that nothing is lost. */
static smr_status read_shard(const smr_images *images, const smr_monitor_rows *rows,
                             const smr_monitor_shard *shard) {
  int64_t numbers[SMR_MONITOR_SHARD_ROWS];
  const scratch mine = get_scratch(rows, 0);
  uint8_t *pixels = rows->pixels + shard->offset;
  for (int64_t i = 0; i < shard->n_rows; i++) {
    numbers[i] = shard->first_row + i;
  }
  SMR_TRY(smr_images_read(images, shard->stream, shard->n_rows, numbers, 0, mine.v));
  for (int64_t i = 0; i < shard->n_rows * rows->n_visible; i++) {
    pixels[i] = (uint8_t)lrintf(mine.v[i] * 255.0F);
    if ((float)pixels[i] / 255.0F != mine.v[i]) {
      SMR_FAIL(SMR_ERR_INTERNAL, "a pixel is %g, not a byte / 255", (double)mine.v[i]);
    }
  }
  return SMR_OK;
}

static smr_status fill(const smr_context *context, const smr_images *images,
                       smr_monitor_rows *rows) {
  SMR_TRY(allocate(context, rows));
  if (smr_fault("train.monitor.read")) {
    SMR_FAIL(SMR_ERR_IO, "fault train.monitor.read");
  }
  for (int64_t k = 0; k < rows->n_shards; k++) {
    SMR_TRY(read_shard(images, rows, &rows->shards[k]));
  }
  return SMR_OK;
}

smr_status smr_monitor_rows_init(const smr_context *context, const smr_images *images,
                                 const int64_t *n_rows, int64_t n_hidden, smr_monitor_rows *rows) {
  const int64_t n_visible = smr_images_get_shape(images).n_pixels;
  *rows = (smr_monitor_rows){.n_visible = n_visible,
                             .n_hidden = n_hidden,
                             .n_threads = omp_get_max_threads(),
                             .work_floats = count_work(n_visible, n_hidden),
                             .units = {0, smr_random_stream("monitor.unit", 0, 0)}};
  memcpy(rows->n_rows, n_rows, sizeof rows->n_rows);
  smr_status status = fill(context, images, rows);
  if (status != SMR_OK) {
    smr_monitor_rows_clear(rows);
  }
  return status;
}

void smr_monitor_rows_clear(smr_monitor_rows *rows) {
  smr_memory_free(rows->shards);
  smr_memory_free(rows->pixels);
  smr_memory_free(rows->sums);
  smr_memory_free(rows->work);
  smr_memory_free(rows->energies);
  smr_memory_free(rows->row_work);
  *rows = (smr_monitor_rows){.n_threads = 0};
}

/* Sum of ln(1 + e^{x_j}): a product of up to 512 factors in [1, 2] is below the largest double. */
static double sum_softplus(int64_t n, const double *x) {
  enum { RUN = 512 };
  double sum = 0.0;
  for (int64_t first = 0; first < n; first += RUN) {
    const int64_t end = smr_int_min(n, first + RUN);
    double product = 1.0;
    for (int64_t j = first; j < end; j++) {
      sum += x[j] > 0.0 ? x[j] : 0.0;
      product *= 1.0 + exp(-fabs(x[j]));
    }
    sum += log(product);
  }
  return sum;
}

/* ln p(v_i | v_-i) = ln sigma(F(v with v_i -> 1 - v_i) - F(v)); x[H] are the row's pre-activations,
 * and are changed. */
static double get_pseudo(const smr_rbm *rbm, int64_t i, double value, double *x) {
  const float *row = rbm->w + i * rbm->n_hidden;
  const double change = 1.0 - 2.0 * value;
  const double before = sum_softplus(rbm->n_hidden, x);
  for (int64_t j = 0; j < rbm->n_hidden; j++) {
    x[j] += change * (double)row[j];
  }
  const double after = sum_softplus(rbm->n_hidden, x);
  const double d = before - after - change * (double)rbm->visible_bias[i]; /* F(flipped) - F(v) */
  return -(fmax(-d, 0.0) + log1p(exp(-fabs(d))));
}

static double add_pseudo(const smr_monitor_rows *rows, const smr_rbm *rbm,
                         const smr_monitor_shard *shard, int64_t step, const scratch *mine) {
  double sum = 0.0;
  for (int64_t r = 0; r < shard->n_rows; r++) {
    const int64_t i = (int64_t)smr_random_below(rows->units, (uint64_t)(shard->first_row + r),
                                                (uint64_t)step, (uint64_t)rows->n_visible);
    for (int64_t j = 0; j < rows->n_hidden; j++) {
      mine->x[j] = (double)mine->h[r * rows->n_hidden + j] + (double)rbm->hidden_bias[j];
    }
    sum += get_pseudo(rbm, i, (double)mine->v[r * rows->n_visible + i], mine->x);
  }
  return sum;
}

/* Sum of x[n], or of (x - y)^2 when there is a y: 8 sums side by side. */
static double add_up(int64_t n, const float *x, const float *y) {
  enum { LANES = 8 };
  double sums[LANES] = {0.0};
  double total = 0.0;
  for (int64_t i = 0; i < n; i += LANES) {
    const int64_t count = smr_int_min(LANES, n - i);
    for (int64_t l = 0; l < count; l++) {
      double d = (double)x[i + l] - (y != NULL ? (double)y[i + l] : 0.0);
      sums[l] += y != NULL ? d * d : d;
    }
  }
  for (int l = 0; l < LANES; l++) {
    total += sums[l];
  }
  return total;
}

/* What is measured of training rows only; mine->h holds v'W and becomes p(h|v). */
static smr_status measure_training(const smr_monitor_rows *rows, const smr_rbm *rbm,
                                   const smr_monitor_shard *shard, int64_t step,
                                   const scratch *mine, double *sums) {
  const int64_t n = shard->n_rows;
  sums[SMR_SUM_PSEUDO] = add_pseudo(rows, rbm, shard, step, mine);
  smr_vector_logistic_bias(n, rows->n_hidden, rbm->hidden_bias, mine->h);
  sums[SMR_SUM_ACTIVE] = add_up(n * rows->n_hidden, mine->h, NULL);
  SMR_TRY(smr_rbm_visible(rbm, n, mine->h, mine->v_mean));
  sums[SMR_SUM_ERROR] = add_up(n * rows->n_visible, mine->v, mine->v_mean);
  return SMR_OK;
}

static smr_status measure_shard(smr_monitor_rows *rows, const smr_rbm *rbm, int64_t k, int64_t step,
                                int thread) {
  const smr_monitor_shard *shard = &rows->shards[k];
  const uint8_t *pixels = rows->pixels + shard->offset;
  const scratch mine = get_scratch(rows, thread);
  double *sums = rows->sums + k * SMR_N_SUMS;
  memset(sums, 0, SMR_N_SUMS * sizeof *sums);
  for (int64_t i = 0; i < shard->n_rows * rows->n_visible; i++) {
    mine.v[i] = (float)pixels[i] / 255.0F;
  }
  SMR_TRY(smr_rbm_free_energy(rbm, shard->n_rows, mine.v, mine.h, mine.energies));
  for (int64_t r = 0; r < shard->n_rows; r++) {
    sums[SMR_SUM_ENERGY_TRAIN + shard->stream] += mine.energies[r];
    sums[SMR_SUM_SQUARE_TRAIN + shard->stream] += mine.energies[r] * mine.energies[r];
  }
  return shard->stream == SMR_STREAM_TRAIN ? measure_training(rows, rbm, shard, step, &mine, sums)
                                           : SMR_OK;
}

/* The failure of the lowest shard: messages belong to threads. */
typedef struct {
  int64_t shard;
  smr_status status;
  char message[512];
} failure;

static void record_failure(failure *first, int64_t shard, smr_status status) {
#pragma omp critical(smr_monitor_failure)
  if (first->status == SMR_OK || shard < first->shard) {
    first->status = status;
    first->shard = shard;
    snprintf(first->message, sizeof first->message, "%s", smr_error_message());
  }
}

smr_status smr_monitor_rows_measure(smr_monitor_rows *rows, const smr_rbm *rbm, int64_t step) {
  failure first = {.status = SMR_OK};
#pragma omp parallel for schedule(dynamic, 1) num_threads(rows->n_threads)
  for (int64_t k = 0; k < rows->n_shards; k++) {
    smr_status status = measure_shard(rows, rbm, k, step, omp_get_thread_num());
    if (status != SMR_OK) {
      record_failure(&first, k, status);
    }
  }
  return first.status == SMR_OK ? SMR_OK : smr_error_set(first.status, "%s", first.message);
}

int64_t smr_monitor_rows_count_bytes(const int64_t *n_rows, int64_t n_visible, int64_t n_hidden,
                                     int n_ranks, int n_threads) {
  const int64_t n_shards = smr_int_ceil_divide(count_all_shards(n_rows), n_ranks);
  const int64_t thread = 4 * count_work(n_visible, n_hidden) + 8 * n_hidden;
  return n_shards * SMR_MONITOR_SHARD_ROWS * n_visible + n_threads * thread;
}
