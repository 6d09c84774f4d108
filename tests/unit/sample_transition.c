/* One step of annealing: exact samples of a temperature's p(v) stay exact samples of it, and what
 * their weights gain is the ratio of the unnormalized probabilities. */
#include "../../src/sample/annealing_shard.h"
#include "check.h"
#include "chi_square.h"

#include <stdbool.h>

#include "simmer/base/random.h"

enum {
  V = 4,
  H = 3,
  STATES = 1 << V,
  BETAS = 4,
  SHARDS = 3000,
  RUNS = SHARDS * SMR_ANNEALING_RUNS
};
static const float w[V * H] = {1.5F,  -2.0F, 0.7F, 1.1F,  -1.3F, 2.1F,
                               -0.8F, 1.7F,  0.4F, -1.9F, 0.9F,  1.2F};
static const float b[V] = {-0.4F, 0.9F, 0.2F, -1.1F};
static const float c[H] = {0.6F, -1.0F, 0.3F};
static const float a[V] = {1.2F, -0.8F, 0.3F, 0.5F};
static const smr_rbm rbm = {V, H, w, b, c};
static const double field[V] = {(double)-0.4F - (double)1.2F, (double)0.9F - (double)-0.8F,
                                (double)0.2F - (double)0.3F, (double)-1.1F - (double)0.5F};
static const double betas[BETAS] = {0.0, 0.45, 0.9, 1.0};

/* ln f_beta(v) of state s. */
static double get_log_f(int s, double beta) {
  double sum = 0.0;
  for (int i = 0; i < V; i++) {
    sum += (s >> i & 1) * ((1.0 - beta) * (double)a[i] + beta * (double)b[i]);
  }
  for (int j = 0; j < H; j++) {
    double x = (double)c[j];
    for (int i = 0; i < V; i++) {
      x += (s >> i & 1) * (double)w[i * H + j];
    }
    sum += log1p(exp(beta * x));
  }
  return sum;
}

static void find_probabilities(double beta, double p[STATES]) {
  double z = 0.0;
  for (int s = 0; s < STATES; s++) {
    p[s] = exp(get_log_f(s, beta));
    z += p[s];
  }
  for (int s = 0; s < STATES; s++) {
    p[s] /= z;
  }
}

static int draw_state(int64_t run, const double p[STATES]) {
  double x = 0.0;
  int s = 0;
  smr_random_uniform((smr_random_key){3, 3}, (uint64_t)run, 0, 1, &x);
  for (; s < STATES - 1 && x >= p[s]; s++) {
    x -= p[s];
  }
  return s;
}

static int get_state(const float *v) {
  int s = 0;
  for (int i = 0; i < V; i++) {
    s |= (int)v[i] << i;
  }
  return s;
}

/* Deviations from p(v) at betas[to] of exact samples of it after the step of `path` to there. The
 * weights of the step are checked when its temperatures are the right ones. */
static double measure(const smr_annealing_path *path, int64_t from, int64_t to, int *n_moved) {
  const bool is_right = path->config->betas == betas;
  const int64_t step = path->is_reverse ? BETAS - 1 - to : to;
  double p[STATES], counts[STATES] = {0};
  smr_annealing_work work;
  *n_moved = 0;
  find_probabilities(betas[to], p);
  assert_ok(smr_annealing_work_init(&rbm, &work));
  for (int64_t first = 0; first < RUNS; first += SMR_ANNEALING_RUNS) {
    double log_weights[SMR_ANNEALING_RUNS] = {0};
    float v[SMR_ANNEALING_RUNS * V];
    const smr_annealing_runs runs = {first, SMR_ANNEALING_RUNS, v, log_weights};
    int before[SMR_ANNEALING_RUNS];
    for (int64_t i = 0; i < SMR_ANNEALING_RUNS; i++) {
      before[i] = draw_state(first + i, p);
      for (int k = 0; k < V; k++) {
        v[i * V + k] = (float)(before[i] >> k & 1);
      }
    }
    smr_annealing_move(path, &runs, step, &work);
    for (int64_t i = 0; i < SMR_ANNEALING_RUNS; i++) {
      const int s = get_state(v + i * V);
      const double gain = get_log_f(before[i], betas[to]) - get_log_f(before[i], betas[from]);
      /* Sums of 4 weights of size 2 in float. */
      assert_true(!is_right || fabs(log_weights[i] - gain) < 2e-6);
      counts[s]++;
      *n_moved += s != before[i];
    }
  }
  smr_annealing_work_clear(&work);
  return chi_square_deviations(STATES, counts, p, RUNS);
}

/* Up and down, to both inner temperatures; and with these off by 10 %. */
static void test_invariance(void **state) {
  static const double wrong[BETAS] = {0.0, 0.9 * 0.45, 0.9 * 0.9, 1.0};
  (void)state;
  for (int t = 0; t < 4; t++) {
    const bool is_reverse = t >= 2;
    const int64_t to = 1 + t % 2;
    const int64_t from = is_reverse ? to + 1 : to - 1;
    smr_annealing_config config = {RUNS, BETAS, betas, a, 17};
    const smr_annealing_path path = {
        .rbm = &rbm, .config = &config, .field = field, .is_reverse = is_reverse};
    int n_moved = 0;
    const double right = measure(&path, from, to, &n_moved);
    config.betas = wrong;
    const double off = measure(&path, from, to, &(int){0});
    print_message("%s to %.2f: %.1f; 10 %% off: %.1f\n", is_reverse ? "down" : "up", betas[to],
                  right, off);
    assert_true(n_moved > RUNS / 3);
    assert_true(right < chi_square_limit);
    assert_true(off > 2.0 * chi_square_limit);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_invariance)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
