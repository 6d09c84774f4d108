/* States of trainers: those of several ranks against that of one. */
#ifndef SIMMER_TESTS_TRAIN_STATE_H
#define SIMMER_TESTS_TRAIN_STATE_H

#include "train_fixture.h"

static size_t item_bytes(smr_array_type type) {
  return type == SMR_U8 ? 1 : type == SMR_F32 || type == SMR_I32 ? 4 : 8;
}

/* Items of an array, and where rows first.. of it begin. */
static int64_t count_items(const smr_state_array *a) {
  int64_t n = 1;
  for (int i = 0; i < a->array.n_dimensions; i++) {
    n *= a->is_distributed && i == 0 ? a->n_rows : a->array.shape[i];
  }
  return n;
}

static const char *get_row(const smr_state_array *a, int64_t row) {
  size_t bytes = item_bytes(a->array.type);
  for (int i = 1; i < a->array.n_dimensions; i++) {
    bytes *= (size_t)a->array.shape[i];
  }
  return (const char *)a->array.data + (size_t)(row - a->first_row) * bytes;
}

/* Part of `whole` (of one rank) that this rank's array holds. */
static const char *get_part(const smr_state_array *whole, const smr_state_array *part) {
  return part->is_distributed ? get_row(whole, part->first_row) : whole->array.data;
}

static void assert_same_state(smr_trainer *trainer, smr_trainer *reference) {
  smr_state a = {0}, b = {0};
  int n_different = 0;
  assert_ok(smr_trainer_list_state(trainer, &a));
  assert_ok(smr_trainer_list_state(reference, &b));
  assert_int_equal(a.n, b.n);
  for (int64_t i = 0; i < a.n; i++) {
    assert_string_equal(a.arrays[i].array.name, b.arrays[i].array.name);
    size_t bytes = (size_t)count_items(&a.arrays[i]) * item_bytes(a.arrays[i].array.type);
    n_different += memcmp(a.arrays[i].array.data, get_part(&b.arrays[i], &a.arrays[i]), bytes) != 0;
  }
  assert_on_all(n_different == 0);
}

/* The state of `from`, which is of one rank, in `to`. */
static void copy_state(smr_trainer *from, smr_trainer *to) {
  smr_state a = {0}, b = {0};
  assert_ok(smr_trainer_list_state(from, &a));
  assert_ok(smr_trainer_list_state(to, &b));
  for (int64_t k = 0; k < b.n; k++) {
    size_t bytes = (size_t)count_items(&b.arrays[k]) * item_bytes(b.arrays[k].array.type);
    memcpy(b.arrays[k].array.data, get_part(&a.arrays[k], &b.arrays[k]), bytes);
  }
}

#endif
