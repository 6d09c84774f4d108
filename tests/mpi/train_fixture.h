/* Rows to train on that are arrays, and trainers of small RBMs on them. */
#ifndef SIMMER_TESTS_TRAIN_FIXTURE_H
#define SIMMER_TESTS_TRAIN_FIXTURE_H

#include <stdlib.h>

#include "mpi_frame.h"
#include "simmer/base/memory.h"
#include "simmer/base/random.h"
#include "simmer/train/trainer.h"

enum { FIXTURE_MAX_ROWS = 4096 };

typedef struct {
  int64_t n_rows, n_pixels;
  float *values;  /* [n_rows x n_pixels] */
  int64_t *reads; /* [n_rows], or NULL: how often each row was read */
  int is_redrawn; /* pixels are inverted in odd epochs */
} fixture_data;

static smr_status fixture_read(const void *self, int64_t n, const int64_t *rows, uint64_t draw,
                               float *out) {
  const fixture_data *data = self;
  for (int64_t i = 0; i < n; i++) {
    if (data->reads != NULL) {
#pragma omp atomic
      data->reads[rows[i]]++;
    }
    memcpy(out + i * data->n_pixels, data->values + rows[i] * data->n_pixels,
           (size_t)data->n_pixels * sizeof *out);
    for (int64_t p = 0; p < data->n_pixels && data->is_redrawn && draw % 2 == 1; p++) {
      out[i * data->n_pixels + p] = 1 - out[i * data->n_pixels + p];
    }
  }
  return SMR_OK;
}

static smr_status fixture_mean(const void *self, const smr_context *context, double *mean) {
  const fixture_data *data = self;
  (void)context;
  for (int64_t p = 0; p < data->n_pixels; p++) {
    mean[p] = 0;
    for (int64_t r = 0; r < data->n_rows; r++) {
      mean[p] += (double)data->values[r * data->n_pixels + p] / (double)data->n_rows;
    }
  }
  return SMR_OK;
}

/* Rows of two kinds with noise; binary, or a few grey values in [0,1]. */
static void fixture_fill(fixture_data *data, int64_t n_rows, int64_t n_pixels, int is_grey) {
  const smr_random_key key = {5, 77};
  *data = (fixture_data){.n_rows = n_rows, .n_pixels = n_pixels};
  assert_ok(smr_memory_alloc(n_rows * n_pixels, sizeof(float), "test rows", &data->values));
  for (int64_t r = 0; r < n_rows; r++) {
    for (int64_t p = 0; p < n_pixels; p++) {
      uint64_t u = smr_random_below(key, (uint64_t)r, (uint64_t)p, 5);
      int is_on = (r + p) % 2 == 0 ? u < 4 : u < 1;
      data->values[r * n_pixels + p] = is_grey ? (float)u * 0.25F : (float)is_on;
    }
  }
}

static void fixture_clear(fixture_data *data) {
  smr_memory_free(data->values);
  smr_memory_free(data->reads);
}

static smr_train_rows fixture_rows(const fixture_data *data) {
  return (smr_train_rows){data, data->n_rows, data->n_pixels, fixture_read, fixture_mean};
}

static smr_train_config fixture_config(int64_t batch_rows, int64_t shard_rows) {
  return (smr_train_config){.batch_rows = batch_rows,
                            .shard_rows = shard_rows,
                            .epochs = -1,
                            .steps = 20,
                            .learning_rate = 0.1,
                            .rate_factor = 1,
                            .rate_period = 1,
                            .gradient_limit = (double)INFINITY,
                            .seed = 3};
}

static smr_rbm_config fixture_rbm(int64_t n_hidden) {
  return (smr_rbm_config){.n_hidden = n_hidden,
                          .gibbs_steps = 1,
                          .gibbs_steps_final = -1,
                          .offset_rate = 0.1,
                          .weight_scale = 0.3};
}

#endif
