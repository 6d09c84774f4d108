/* Model files: what was written comes back; what can't be a model is refused with the reason. */
#include "store_scratch.h"

#include <float.h>
#include <math.h>

#include "simmer/store/model.h"

/* Dimension letters: visible V = 6 (an image of 2 x 3), hidden H = 4, samples S = 2. */
enum { V = 6, H = 4, S = 2 };

static float w[V * H], b[V], c[H], mu[V], lambda[H], mean[V], samples[S * V];

static void fill(float *data, int n, float start) {
  for (int i = 0; i < n; i++) {
    data[i] = start + (float)i / 7;
  }
}

static smr_model make_model(void) {
  fill(w, V * H, -1);
  fill(b, V, 10);
  fill(c, H, 20);
  fill(mu, V, 30);
  fill(lambda, H, 40);
  fill(mean, V, 50);
  fill(samples, S * V, 0);
  return (smr_model){.n_visible = V,
                     .n_hidden = H,
                     .height = 2,
                     .width = 3,
                     .n_train = 54000,
                     .w = w,
                     .visible_bias = b,
                     .hidden_bias = c,
                     .visible_offset = mu,
                     .hidden_offset = lambda,
                     .visible_mean = mean,
                     .n_samples = S,
                     .samples = samples};
}

static const char *get_path(void) {
  return scratch_path("model.h5");
}

static void test_round_trip(void **state) {
  (void)state;
  const smr_attribute attribute = {.name = "job", .text = "name: x"};
  const smr_model model = make_model();
  smr_model back;
  smr_arrays *file = NULL;
  smr_array array;
  assert_ok(smr_model_write(get_path(), &model, 1, &attribute));
  assert_ok(smr_model_read(get_path(), &back));
  assert_int_equal(back.n_visible, V);
  assert_int_equal(back.n_hidden, H);
  assert_int_equal(back.n_samples, S);
  assert_int_equal(back.height, 2);
  assert_int_equal(back.width, 3);
  assert_memory_equal(back.w, w, sizeof w);
  assert_memory_equal(back.visible_bias, b, sizeof b);
  assert_memory_equal(back.hidden_bias, c, sizeof c);
  assert_memory_equal(back.visible_offset, mu, sizeof mu);
  assert_memory_equal(back.hidden_offset, lambda, sizeof lambda);
  assert_memory_equal(back.visible_mean, mean, sizeof mean);
  assert_memory_equal(back.samples, samples, sizeof samples);
  assert_int_equal(back.n_train, 54000);
  assert_int_equal(smr_model_find_crc(&back), smr_model_find_crc(&model));
  smr_model_clear(&back);
  assert_null(back.w);
  smr_model_clear(&back);
  assert_ok(smr_arrays_open(get_path(), &file));
  assert_ok(smr_arrays_inspect(file, "W", &array));
  assert_string_equal(array.dimensions[0], "visible");
  assert_string_equal(array.dimensions[1], "hidden");
  char *text = NULL;
  assert_ok(smr_arrays_read_attribute(file, "job", &text));
  assert_string_equal(text, "name: x");
  smr_memory_free(text);
  smr_arrays_close(&file);
}

static void test_without_options(void **state) {
  (void)state;
  smr_model model = make_model(), back;
  model.visible_offset = model.hidden_offset = model.visible_mean = model.samples = NULL;
  model.n_samples = 0;
  model.height = model.width = 0;
  assert_ok(smr_model_write(get_path(), &model, 0, NULL));
  assert_ok(smr_model_read(get_path(), &back));
  assert_memory_equal(back.w, w, sizeof w);
  assert_null(back.visible_offset);
  assert_null(back.hidden_offset);
  assert_null(back.visible_mean);
  assert_null(back.samples);
  assert_int_equal(back.n_samples, 0);
  assert_int_equal(back.height, 0);
  smr_model_clear(&back);
}

/* Of what sampling depends on, each number of it, and of nothing else. */
static void test_crc(void **state) {
  (void)state;
  smr_model model = make_model();
  const uint32_t crc = smr_model_find_crc(&model);
  float *const numbers[] = {&w[V * H - 1], &b[V - 1], &c[H - 1], &mean[V - 1]};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    *numbers[i] += 1;
    assert_int_not_equal(smr_model_find_crc(&model), crc);
    *numbers[i] -= 1;
  }
  model = make_model();
  samples[0] += 1;
  mu[0] += 1;
  assert_int_equal(smr_model_find_crc(&model), crc);
  model.n_train++;
  assert_int_not_equal(smr_model_find_crc(&model), crc);
  model = make_model();
  model.visible_mean = NULL;
  assert_int_not_equal(smr_model_find_crc(&model), crc);
}

static void test_write_refusals(void **state) {
  (void)state;
  smr_model model = make_model();
  w[V * H - 1] = NAN;
  assert_fails(smr_model_write(get_path(), &model, 0, NULL), SMR_ERR_NUMERIC, "W holds");
  assert_non_null(strstr(smr_error_message(), "[5, 3]"));
  model = make_model();
  model.hidden_bias = NULL;
  assert_fails(smr_model_write(get_path(), &model, 0, NULL), SMR_ERR_INTERNAL, "hidden_bias");
  model = make_model();
  model.height = 4;
  assert_fails(smr_model_write(get_path(), &model, 0, NULL), SMR_ERR_INTERNAL, "4 x 3");
  assert_false(smr_file_exists(get_path()));
}

/* ---- Files of others. ---- */

static double foreign_w[V * H], foreign_b[V], foreign_c[H];

enum { FOREIGN_W, FOREIGN_B, FOREIGN_C, N_FOREIGN };

static void make_foreign(smr_array arrays[N_FOREIGN]) {
  for (int i = 0; i < V * H; i++) {
    foreign_w[i] = 0.1 * i;
  }
  memset(foreign_b, 0, sizeof foreign_b);
  memset(foreign_c, 0, sizeof foreign_c);
  arrays[FOREIGN_W] = (smr_array){
      .name = "W", .type = SMR_F64, .n_dimensions = 2, .shape = {V, H}, .data = foreign_w};
  arrays[FOREIGN_B] = (smr_array){
      .name = "visible_bias", .type = SMR_F64, .n_dimensions = 1, .shape = {V}, .data = foreign_b};
  arrays[FOREIGN_C] = (smr_array){
      .name = "hidden_bias", .type = SMR_F64, .n_dimensions = 1, .shape = {H}, .data = foreign_c};
}

static smr_status read_foreign(int64_t n, const smr_array *arrays, int64_t height) {
  const smr_attribute sizes[] = {
      {.name = "image_height", .is_integer = true, .integer = height},
      {.name = "image_width", .is_integer = true, .integer = height > 0 ? 3 : 0}};
  smr_model model;
  assert_ok(smr_arrays_write(get_path(), n, arrays, height == 0 ? 0 : 2, sizes));
  const smr_status status = smr_model_read(get_path(), &model);
  assert_true(status == SMR_OK || model.w == NULL);
  for (int i = 0; status == SMR_OK && i < V * H; i++) {
    assert_true(model.w[i] == (float)foreign_w[i]);
  }
  smr_model_clear(&model);
  return status;
}

/* Double precision is narrowed, as C does it. */
static void test_double(void **state) {
  (void)state;
  smr_array arrays[N_FOREIGN];
  make_foreign(arrays);
  assert_ok(read_foreign(N_FOREIGN, arrays, 0));
  assert_ok(read_foreign(N_FOREIGN, arrays, 2));
  foreign_w[5] = 2.0 * (double)FLT_MAX;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "W holds");
  assert_non_null(strstr(smr_error_message(), "[1, 1]"));
}

static void test_not_finite(void **state) {
  (void)state;
  smr_array arrays[N_FOREIGN];
  make_foreign(arrays);
  foreign_b[3] = NAN;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "visible_bias");
  assert_non_null(strstr(smr_error_message(), "model.h5"));
  make_foreign(arrays);
  foreign_c[0] = -INFINITY;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "hidden_bias");
}

static void test_shapes(void **state) {
  (void)state;
  smr_array arrays[N_FOREIGN];
  const char *words[V] = {"a", "b", "c", "d", "e", "f"};
  make_foreign(arrays);
  arrays[FOREIGN_B].shape[0] = V - 1;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT,
               "visible_bias has 5 entries along visible, where W asks for 6");
  make_foreign(arrays);
  arrays[FOREIGN_W].shape[0] = H;
  arrays[FOREIGN_W].shape[1] = V;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "visible_bias has 6 entries");
  arrays[FOREIGN_W].n_dimensions = 1;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "W has 1 dimensions");
  arrays[FOREIGN_W].n_dimensions = 2;
  arrays[FOREIGN_W].shape[0] = 0;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "W is empty");
  make_foreign(arrays);
  assert_fails(read_foreign(N_FOREIGN, arrays, 5), SMR_ERR_INPUT, "5 x 3");
  assert_fails(read_foreign(N_FOREIGN, arrays, INT64_MAX), SMR_ERR_INPUT, "x 3");
  assert_fails(read_foreign(N_FOREIGN - 1, arrays, 0), SMR_ERR_INPUT, "hidden_bias");
  assert_fails(read_foreign(1, arrays, 0), SMR_ERR_INPUT, "visible_bias; it has: W");
  arrays[FOREIGN_B].type = SMR_TEXTS;
  arrays[FOREIGN_B].data = (void *)words;
  assert_fails(read_foreign(N_FOREIGN, arrays, 0), SMR_ERR_INPUT, "no numbers");
}

static void test_no_file(void **state) {
  (void)state;
  smr_model model;
  assert_fails(smr_model_read(get_path(), &model), SMR_ERR_IO, "model.h5");
  scratch_put("model.h5", "W", 1);
  assert_fails(smr_model_read(get_path(), &model), SMR_ERR_CORRUPT, "model.h5");
}

#define scratch_test(f) cmocka_unit_test_setup_teardown(f, scratch_create, scratch_destroy)

int main(void) {
  const struct CMUnitTest tests[] = {
      scratch_test(test_round_trip), scratch_test(test_without_options),
      scratch_test(test_crc),        scratch_test(test_write_refusals),
      scratch_test(test_double),     scratch_test(test_not_finite),
      scratch_test(test_shapes),     scratch_test(test_no_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
