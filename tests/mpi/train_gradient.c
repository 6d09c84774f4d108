/* Steps of the trainer against a plain loop in double with the same random words, and its gradient
 * against the exact one of a tiny model. */
#include "train_fixture.h"

#include "simmer/base/integer.h"
#include "simmer/base/vector.h"

/* More hidden units than a tile of W has columns. */
enum { V_MAX = 8, H_MAX = 1100, B_MAX = 48 };

/* A model with what its optimizer keeps, in double. */
typedef struct {
  int64_t v, h;
  double w[V_MAX][H_MAX], b[V_MAX], c[H_MAX];
  double mw[V_MAX][H_MAX], mb[V_MAX], mc[H_MAX];
  double mu[V_MAX], lambda[H_MAX];
  double chains[B_MAX][V_MAX];
} plain;

/* One array of a trainer's state as doubles; the chains of other ranks stay as they are. */
static void copy_array(smr_trainer *trainer, const char *name, int64_t n_cols, int64_t stride,
                       double *out) {
  smr_state list = {0};
  assert_ok(smr_trainer_list_state(trainer, &list));
  for (int64_t k = 0; k < list.n; k++) {
    const smr_state_array *a = &list.arrays[k];
    if (strcmp(a->array.name, name) != 0) {
      continue;
    }
    int64_t n_rows = a->is_distributed ? a->n_rows : a->array.shape[0];
    for (int64_t i = 0; i < n_rows * n_cols; i++) {
      double x = a->array.type == SMR_U8 ? (double)((const uint8_t *)a->array.data)[i]
                                         : (double)((const float *)a->array.data)[i];
      out[(a->first_row + i / n_cols) * stride + i % n_cols] = x;
    }
  }
}

static void copy_state(smr_trainer *trainer, plain *p) {
  copy_array(trainer, "W", p->h, H_MAX, p->w[0]);
  copy_array(trainer, "momentum_W", p->h, H_MAX, p->mw[0]);
  copy_array(trainer, "visible_bias", 1, 1, p->b);
  copy_array(trainer, "hidden_bias", 1, 1, p->c);
  copy_array(trainer, "momentum_visible_bias", 1, 1, p->mb);
  copy_array(trainer, "momentum_hidden_bias", 1, 1, p->mc);
  copy_array(trainer, "visible_offset", 1, 1, p->mu);
  copy_array(trainer, "hidden_offset", 1, 1, p->lambda);
  copy_array(trainer, "chains", p->v, V_MAX, p->chains[0]);
}

static double logistic(double x) {
  return 1 / (1 + exp(-x));
}

static void get_hidden(const plain *p, const double *v, double *h) {
  for (int64_t j = 0; j < p->h; j++) {
    double x = p->c[j];
    for (int64_t i = 0; i < p->v; i++) {
      x += v[i] * p->w[i][j];
    }
    h[j] = logistic(x);
  }
}

static void get_visible(const plain *p, const double *h, double *v) {
  for (int64_t i = 0; i < p->v; i++) {
    double x = p->b[i];
    for (int64_t j = 0; j < p->h; j++) {
      x += p->w[i][j] * h[j];
    }
    v[i] = logistic(x);
  }
}

/* One step of one run. */
typedef struct {
  const smr_train_config *train;
  const smr_rbm_config *rbm;
  const fixture_data *data;
  int64_t step, k;
  double rate, momentum;
} setting;

static void draw(const setting *s, const char *purpose, int64_t sweep, int64_t row, int64_t n,
                 double *x) {
  uint32_t words[H_MAX];
  const smr_random_key key = {s->train->seed, smr_random_stream(purpose, 0, 0)};
  smr_vector_random_words(key, (uint64_t)s->step * 1048576 + (uint64_t)sweep, (uint64_t)row, n,
                          words);
  for (int64_t i = 0; i < n; i++) {
    x[i] = ldexp((double)words[i], -32) < x[i] ? 1 : 0;
  }
}

/* Row `row` of the batch: data and model states of both layers. */
typedef struct {
  double v_data[V_MAX], h_data[H_MAX], v_model[V_MAX], h_model[H_MAX];
} row_states;

static void run_row(const setting *s, plain *p, int64_t row, row_states *r) {
  const smr_random_key order = {s->train->seed, smr_random_stream("train.order", 0, 0)};
  int64_t position = s->step * s->train->batch_rows + row;
  int64_t n = s->data->n_rows;
  int64_t index = smr_random_permute(order, (uint64_t)(position / n), n, position % n);
  int is_persistent = s->rbm->negative_phase == SMR_NEGATIVE_PCD;
  double h[H_MAX];
  for (int64_t i = 0; i < p->v; i++) {
    r->v_data[i] = (double)s->data->values[index * p->v + i];
    r->v_data[i] = s->data->is_redrawn && position / n % 2 == 1 ? 1 - r->v_data[i] : r->v_data[i];
  }
  get_hidden(p, r->v_data, r->h_data);
  get_hidden(p, is_persistent ? p->chains[row] : r->v_data, h);
  draw(s, "train.hidden", 0, row, p->h, h);
  if (s->rbm->is_sampled && is_persistent) {
    draw(s, "train.data", 0, row, p->h, r->h_data);
  } else if (s->rbm->is_sampled) {
    memcpy(r->h_data, h, sizeof h);
  }
  for (int64_t sweep = 1; sweep <= s->k; sweep++) {
    get_visible(p, h, r->v_model);
    draw(s, "train.visible", sweep, row, p->v, r->v_model);
    get_hidden(p, r->v_model, r->h_model);
    memcpy(h, r->h_model, sizeof h);
    draw(s, "train.hidden", sweep, row, p->h, h);
  }
  if (s->rbm->is_sampled) {
    memcpy(r->h_model, h, sizeof h);
  }
  memcpy(p->chains[row], r->v_model, sizeof r->v_model);
}

/* Means over the batch. */
typedef struct {
  double w[V_MAX][H_MAX], b[V_MAX], c[H_MAX], v_data[V_MAX], h_data[H_MAX];
} plain_gradient;

static void add_row(const plain *p, const row_states *r, double weight, plain_gradient *g) {
  for (int64_t i = 0; i < p->v; i++) {
    g->b[i] += weight * (r->v_data[i] - r->v_model[i]);
    g->v_data[i] += weight * r->v_data[i];
    for (int64_t j = 0; j < p->h; j++) {
      g->w[i][j] += weight * ((r->v_data[i] - p->mu[i]) * (r->h_data[j] - p->lambda[j]) -
                              (r->v_model[i] - p->mu[i]) * (r->h_model[j] - p->lambda[j]));
    }
  }
  for (int64_t j = 0; j < p->h; j++) {
    g->c[j] += weight * (r->h_data[j] - r->h_model[j]);
    g->h_data[j] += weight * r->h_data[j];
  }
}

/* Decay, what centring makes of biases, and the limit. Returns the norm before it. */
static double finish_gradient(const setting *s, const plain *p, plain_gradient *g) {
  double square = 0;
  for (int64_t i = 0; i < p->v; i++) {
    for (int64_t j = 0; j < p->h; j++) {
      double w = p->w[i][j];
      g->w[i][j] -= s->train->l2 * w + s->train->l1 * (double)((w > 0) - (w < 0));
      g->b[i] -= g->w[i][j] * p->lambda[j];
      g->c[j] -= g->w[i][j] * p->mu[i];
      square += g->w[i][j] * g->w[i][j];
    }
  }
  for (int64_t i = 0; i < p->v; i++) {
    square += g->b[i] * g->b[i];
  }
  for (int64_t j = 0; j < p->h; j++) {
    square += g->c[j] * g->c[j];
  }
  return sqrt(square);
}

static void apply(const setting *s, double gradient, double *momentum, double *x) {
  *momentum = s->momentum * *momentum + s->rate * gradient;
  *x += *momentum;
}

static void take_step(const setting *s, plain *p, double *norm) {
  plain_gradient g = {0};
  for (int64_t row = 0; row < s->train->batch_rows; row++) {
    row_states r = {0};
    run_row(s, p, row, &r);
    add_row(p, &r, 1 / (double)s->train->batch_rows, &g);
  }
  *norm = finish_gradient(s, p, &g);
  double share = fmin(1, s->train->gradient_limit / *norm);
  for (int64_t i = 0; i < p->v; i++) {
    apply(s, share * g.b[i], &p->mb[i], &p->b[i]);
    for (int64_t j = 0; j < p->h; j++) {
      apply(s, share * g.w[i][j], &p->mw[i][j], &p->w[i][j]);
    }
  }
  for (int64_t j = 0; j < p->h; j++) {
    apply(s, share * g.c[j], &p->mc[j], &p->c[j]);
  }
  for (int64_t i = 0; i < p->v && s->rbm->is_centred; i++) {
    p->mu[i] += s->rbm->offset_rate * (g.v_data[i] - p->mu[i]);
  }
  for (int64_t j = 0; j < p->h && s->rbm->is_centred; j++) {
    p->lambda[j] += s->rbm->offset_rate * (g.h_data[j] - p->lambda[j]);
  }
}

/* Means of 48 rows in float, of things up to 1, and a fixed point of 2^-24 of the batch: 1e-6 is
 * several times their rounding, and a hundredth of what one wrong draw makes. */
static void assert_arrays_close(const double *a, const double *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    assert_close(a[i], b[i], 1e-6, 1e-6);
  }
}

static void check_steps(const smr_train_config *train, const smr_rbm_config *rbm, int is_grey) {
  fixture_data data;
  plain expected = {.v = 7, .h = rbm->n_hidden};
  plain got = {.v = 7, .h = rbm->n_hidden};
  smr_trainer *trainer = NULL;
  fixture_fill(&data, 30, 7, is_grey);
  data.is_redrawn = 1;
  const smr_train_rows rows = fixture_rows(&data);
  assert_ok(smr_trainer_create_on(test_world, train, rbm, &rows, NULL, &trainer));
  for (int64_t t = 0; t < 5; t++) {
    /* k rises in equal parts of 20 steps, of which 5 are run. */
    int64_t k = rbm->gibbs_steps_final < 0 ? rbm->gibbs_steps : rbm->gibbs_steps + t / 2;
    const setting s = {train,          rbm, &data, t, k, smr_trainer_get_learning_rate(trainer),
                       train->momentum};
    double norm = 0;
    copy_state(trainer, &expected);
    /* Chains of other ranks come from the plain loop's own steps, after the first. */
    if (t == 0 && rbm->negative_phase == SMR_NEGATIVE_PCD) {
      float *chains = calloc(B_MAX * 7, sizeof *chains);
      assert_non_null(chains);
      assert_ok(smr_trainer_draw(trainer, train->batch_rows, 0, chains));
      for (int64_t i = 0; i < train->batch_rows * 7; i++) {
        expected.chains[i / 7][i % 7] = (double)chains[i];
      }
      free(chains);
    }
    take_step(&s, &expected, &norm);
    assert_ok(smr_trainer_step(trainer));
    memcpy(got.chains, expected.chains, sizeof got.chains);
    copy_state(trainer, &got);
    assert_close(smr_trainer_get_gradient_norm(trainer), norm, 1e-5, 1e-6);
    assert_arrays_close(got.w[0], expected.w[0], V_MAX * H_MAX);
    assert_arrays_close(got.b, expected.b, V_MAX);
    assert_arrays_close(got.c, expected.c, H_MAX);
    assert_arrays_close(got.mw[0], expected.mw[0], V_MAX * H_MAX);
    assert_arrays_close(got.mb, expected.mb, V_MAX);
    assert_arrays_close(got.mc, expected.mc, H_MAX);
    assert_arrays_close(got.mu, expected.mu, V_MAX);
    assert_arrays_close(got.lambda, expected.lambda, H_MAX);
    assert_arrays_close(got.chains[0], expected.chains[0], B_MAX * V_MAX);
  }
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* All kinds of phases with all kinds of statistics. */
static void test_phases(void **state) {
  (void)state;
  for (int kind = 0; kind < 32; kind++) {
    const smr_train_config train = fixture_config(41, 10);
    smr_rbm_config rbm = fixture_rbm(5);
    rbm.negative_phase = (kind & 1) != 0 ? SMR_NEGATIVE_PCD : SMR_NEGATIVE_CD;
    rbm.is_sampled = (kind & 2) != 0;
    rbm.is_centred = (kind & 4) != 0;
    rbm.has_data_bias = (kind & 8) != 0;
    rbm.gibbs_steps = (kind & 8) != 0 ? 3 : 1;
    check_steps(&train, &rbm, (kind & 16) != 0);
  }
}

static void test_optimizer(void **state) {
  (void)state;
  for (int kind = 0; kind < 16; kind++) {
    smr_train_config train = fixture_config(41, 10);
    smr_rbm_config rbm = fixture_rbm(5);
    rbm.is_centred = (kind & 1) != 0;
    rbm.hidden_bias = -1;
    train.learning_rate = 0.7;
    train.momentum = (kind & 2) != 0 ? 0.9 : 0;
    train.gradient_limit = (kind & 4) != 0 ? 0.05 : (double)INFINITY;
    train.l1 = (kind & 8) != 0 ? 0.02 : 0;
    train.l2 = (kind & 8) != 0 ? 0.3 : 0;
    check_steps(&train, &rbm, 0);
  }
}

static void test_k_schedule(void **state) {
  (void)state;
  const smr_train_config train = fixture_config(41, 10);
  smr_rbm_config rbm = fixture_rbm(5);
  rbm.gibbs_steps = 1;
  rbm.gibbs_steps_final = 10;
  check_steps(&train, &rbm, 0);
}

static void test_wide(void **state) {
  (void)state;
  const smr_train_config train = fixture_config(24, 10);
  smr_rbm_config rbm = fixture_rbm(H_MAX);
  rbm.weight_scale = 0.05;
  rbm.is_centred = true;
  check_steps(&train, &rbm, 0);
}

/* --- the exact gradient of the log-likelihood --- */

enum { TINY_V = 4, TINY_H = 3, N_STATES = 1 << TINY_V, N_PARAMETERS = 12 + 4 + 3 };

/* Parameters in one row: W, b, c. */
typedef struct {
  double x[N_PARAMETERS];
} tiny;

static double get_input(const tiny *m, unsigned v, int j) {
  double x = m->x[16 + j];
  for (int i = 0; i < TINY_V; i++) {
    x += (v >> i & 1U) != 0 ? m->x[3 * i + j] : 0;
  }
  return x;
}

/* p(v) of all states; returns ln Z. */
static double get_model(const tiny *m, double p[N_STATES]) {
  double z = 0;
  for (unsigned v = 0; v < N_STATES; v++) {
    double f = 0;
    for (int i = 0; i < TINY_V; i++) {
      f += (v >> i & 1U) != 0 ? m->x[12 + i] : 0;
    }
    for (int j = 0; j < TINY_H; j++) {
      f += log1p(exp(get_input(m, v, j)));
    }
    p[v] = exp(f);
    z += p[v];
  }
  for (unsigned v = 0; v < N_STATES; v++) {
    p[v] /= z;
  }
  return log(z);
}

static double get_likelihood(const tiny *m, const double data[N_STATES]) {
  double p[N_STATES], sum = 0;
  (void)get_model(m, p);
  for (int v = 0; v < N_STATES; v++) {
    sum += data[v] > 0 ? data[v] * log(p[v]) : 0;
  }
  return sum;
}

/* The derivative of -E(v) + ln p(h|v) … by parameter: v_i p_j, v_i, p_j. */
static double get_statistic(const tiny *m, unsigned v, int parameter) {
  int i = parameter < 12 ? parameter / 3 : parameter - 12;
  double on = i < TINY_V && (v >> i & 1U) != 0 ? 1 : 0;
  if (parameter >= 12 && parameter < 16) {
    return on;
  }
  int j = parameter < 12 ? parameter % 3 : parameter - 16;
  double h = logistic(get_input(m, v, j));
  return parameter < 12 ? on * h : h;
}

static double get_mean(const tiny *m, const double p[N_STATES], int parameter, double *variance) {
  double mean = 0, square = 0;
  for (unsigned v = 0; v < N_STATES; v++) {
    double x = get_statistic(m, v, parameter);
    mean += p[v] * x;
    square += p[v] * x * x;
  }
  *variance = square - mean * mean;
  return mean;
}

static tiny make_tiny(void) {
  tiny m;
  smr_random_normal((smr_random_key){9, 9}, 0, 0, N_PARAMETERS, m.x);
  for (int k = 0; k < N_PARAMETERS; k++) {
    m.x[k] = (double)(float)m.x[k]; /* what the trainer can hold */
  }
  return m;
}

/* <data> - <model> against central differences: their error is of order step^2 = 1e-8. */
static void test_exact_gradient(void **state) {
  (void)state;
  tiny m = make_tiny();
  double p[N_STATES], data[N_STATES] = {0}, unused = 0;
  const double step = 1e-4;
  for (int v = 0; v < N_STATES; v++) {
    data[v] = (v % 3 + 1) / 31.0; /* 16 states: 5 x (1 + 2 + 3) + 1 */
  }
  (void)get_model(&m, p);
  for (int k = 0; k < N_PARAMETERS; k++) {
    tiny up = m, down = m;
    up.x[k] += step;
    down.x[k] -= step;
    double difference = (get_likelihood(&up, data) - get_likelihood(&down, data)) / (2 * step);
    double exact = get_mean(&m, data, k, &unused) - get_mean(&m, p, k, &unused);
    assert_close(exact, difference, 0, 1e-8);
  }
}

/* Chains that are exact samples of the model stay so after a sweep, so that PCD's gradient is the
 * exact one but for its noise, of known size: z-scores within 4.5, of one fixed seed. */
static void test_equilibrium(void **state) {
  (void)state;
  enum { BATCH = FIXTURE_MAX_ROWS, N_ROWS = 32 };
  tiny m = make_tiny();
  double p[N_STATES], data_p[N_STATES] = {0};
  float w[12], b[4], c[3];
  fixture_data data;
  (void)get_model(&m, p);
  fixture_fill(&data, N_ROWS, TINY_V, 0);
  for (int r = 0; r < N_ROWS; r++) {
    unsigned v = 0;
    for (int i = 0; i < TINY_V; i++) {
      v |= data.values[r * TINY_V + i] != 0 ? 1U << i : 0;
    }
    data_p[v] += 1.0 / N_ROWS;
  }
  for (int k = 0; k < N_PARAMETERS; k++) {
    *(k < 12 ? &w[k] : k < 16 ? &b[k - 12] : &c[k - 16]) = (float)m.x[k];
  }
  const smr_rbm model = {TINY_V, TINY_H, w, b, c};
  smr_train_config train = fixture_config(BATCH, -1);
  smr_rbm_config rbm = fixture_rbm(TINY_H);
  const smr_train_rows rows = fixture_rows(&data);
  smr_trainer *trainer = NULL;
  smr_state list = {0};
  train.learning_rate = 1;
  rbm.negative_phase = SMR_NEGATIVE_PCD;
  assert_ok(smr_trainer_create_on(test_world, &train, &rbm, &rows, &model, &trainer));
  assert_ok(smr_trainer_list_state(trainer, &list));
  for (int64_t k = 0; k < list.n; k++) {
    const smr_state_array *a = &list.arrays[k];
    for (int64_t r = 0; r < a->n_rows && a->is_distributed; r++) {
      double u = 0;
      unsigned v = 0;
      smr_random_uniform((smr_random_key){9, 10}, (uint64_t)(a->first_row + r), 0, 1, &u);
      while (v + 1 < N_STATES && u >= p[v]) {
        u -= p[v++];
      }
      for (int i = 0; i < TINY_V; i++) {
        ((uint8_t *)a->array.data)[r * TINY_V + i] = v >> i & 1U;
      }
    }
  }
  assert_ok(smr_trainer_step(trainer));
  const smr_rbm after = smr_trainer_get_rbm(trainer);
  for (int k = 0; k < N_PARAMETERS; k++) {
    double variance = 0, unused = 0;
    float x = k < 12 ? after.w[k] : k < 16 ? after.visible_bias[k - 12] : after.hidden_bias[k - 16];
    double exact = get_mean(&m, data_p, k, &unused) - get_mean(&m, p, k, &variance);
    double z = ((double)x - m.x[k] - exact) / sqrt(variance / BATCH);
    assert_true(fabs(z) < 4.5);
    /* The noise is what it should be, so that the test could fail. */
    assert_true(variance > 1e-4);
  }
  smr_trainer_destroy(&trainer);
  fixture_clear(&data);
}

/* The centred gradient is a linear function of the plain one (Melchior et al. 2016, eq. 8-10):
 * same first parameters, same seeds, so the same samples. */
static void test_centring(void **state) {
  (void)state;
  fixture_data data;
  plain before = {.v = 7, .h = 5}, normal = before, centred = before;
  smr_trainer *a = NULL, *b = NULL;
  fixture_fill(&data, 30, 7, 0);
  const smr_train_config train = fixture_config(24, 8);
  smr_rbm_config rbm = fixture_rbm(5);
  const smr_train_rows rows = fixture_rows(&data);
  assert_ok(smr_trainer_create_on(test_world, &train, &rbm, &rows, NULL, &a));
  rbm.is_centred = true;
  assert_ok(smr_trainer_create_on(test_world, &train, &rbm, &rows, NULL, &b));
  copy_state(b, &before);
  assert_ok(smr_trainer_step(a));
  assert_ok(smr_trainer_step(b));
  copy_state(a, &normal);
  copy_state(b, &centred);
  plain_gradient g = {0};
  for (int i = 0; i < 7; i++) {
    g.b[i] = normal.b[i] - before.b[i];
    assert_true(before.mu[i] > 0 && before.mu[i] < 1);
  }
  for (int j = 0; j < 5; j++) {
    g.c[j] = normal.c[j] - before.c[j];
    assert_true(before.lambda[j] == 0.5);
  }
  double expected_b[7], expected_c[5];
  memcpy(expected_b, g.b, sizeof expected_b);
  memcpy(expected_c, g.c, sizeof expected_c);
  for (int i = 0; i < 7; i++) {
    for (int j = 0; j < 5; j++) {
      double w = normal.w[i][j] - before.w[i][j] - before.mu[i] * g.c[j] - g.b[i] * 0.5;
      assert_close(centred.w[i][j] - before.w[i][j], w, 0, 1e-6);
      expected_b[i] -= w * 0.5;
      expected_c[j] -= w * before.mu[i];
    }
  }
  for (int i = 0; i < 7; i++) {
    assert_close(centred.b[i] - before.b[i], expected_b[i], 0, 1e-6);
  }
  for (int j = 0; j < 5; j++) {
    assert_close(centred.c[j] - before.c[j], expected_c[j], 0, 1e-6);
  }
  smr_trainer_destroy(&a);
  smr_trainer_destroy(&b);
  fixture_clear(&data);
}

MPI_TEST_MAIN(cmocka_unit_test(test_phases), cmocka_unit_test(test_optimizer),
              cmocka_unit_test(test_k_schedule), cmocka_unit_test(test_wide),
              cmocka_unit_test(test_exact_gradient), cmocka_unit_test(test_equilibrium),
              cmocka_unit_test(test_centring))
