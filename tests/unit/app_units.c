/* The table of units: order of work, blocks, identities, ranks that share a unit. */
#include "app_job.h"

#include "simmer/base/memory.h"

static const char grid[] = "name: t\nexperiment: ridge\n"
                           "data: {features: 8}\n"
                           "sweep:\n"
                           "  data.instances: [10, 4000, 200]\n"
                           "  replicate: {count: 300}\n"
                           "  exclude: [{data.instances: 200, replicate: [0, 1]}]\n";

static smr_units *make_units(smr_job *job) {
  smr_units *units = NULL;
  assert_ok(smr_units_create(job, smr_experiment_get(0), NULL, &units));
  return units;
}

/* Every cell that isn't excluded is in just one block, costliest first. */
static void test_blocks_partition(void **state) {
  (void)state;
  smr_job *job = parse_job(grid);
  smr_units *units = make_units(job);
  assert_int_equal(units->n_cells, 900);
  assert_int_equal(units->n_excluded, 2);
  assert_int_equal(units->n_ordered, 898);
  int seen[900] = {0};
  int64_t next = 0;
  for (int64_t b = 0; b < units->n_blocks; ++b) {
    const smr_block *block = &units->blocks[b];
    assert_int_equal(block->first, next);
    assert_true(block->count > 0);
    next += block->count;
    for (int64_t i = 0; i < block->count; ++i) {
      seen[units->order[block->first + i]]++;
    }
    for (int64_t a = 0; a < b; ++a) {
      assert_string_not_equal(units->blocks[a].name, block->name);
    }
  }
  assert_int_equal(next, 898);
  for (int64_t cell = 0; cell < 900; ++cell) {
    assert_int_equal(seen[cell], !smr_job_is_excluded(job, cell));
  }
  for (int64_t i = 1; i < units->n_ordered; ++i) {
    assert_true(units->seconds[units->order[i - 1]] >= units->seconds[units->order[i]]);
  }
  /* A balanced end needs many more blocks than groups. */
  assert_true(units->n_blocks >= 200);
  smr_units_destroy(&units);
  smr_job_destroy(&job);
}

/* Identity doesn't know the grid: more values on an outer axis keep it, another inner axis changes
 * it. */
static void test_identity(void **state) {
  (void)state;
  smr_job *a = parse_job("name: a\nexperiment: ridge\ndata: {features: 8}\n"
                         "sweep: {data.instances: [10, 20], replicate: {count: 3}}\n");
  smr_job *b = parse_job("name: b\nexperiment: ridge\ndata: {features: 8}\n"
                         "sweep: {replicate: {count: 9}, data.instances: [20, 5, 10]}\n"
                         "run: {retries: 7}\n");
  smr_job *c = parse_job("name: a\nexperiment: ridge\ndata: {features: [8, 9]}\n"
                         "sweep: {data.instances: [10, 20], replicate: {count: 3}}\n");
  smr_units *x = make_units(a), *y = make_units(b), *z = make_units(c);
  /* instances 20, replicate 2: cell 1*3+2 of a, cell 2*3+0 of b. */
  assert_int_equal(smr_hash_compare(x->hashes[5], y->hashes[6]), 0);
  assert_int_not_equal(smr_hash_compare(x->hashes[5], y->hashes[7]), 0);
  assert_int_not_equal(smr_hash_compare(x->hashes[5], z->hashes[5]), 0);
  smr_units_destroy(&x);
  smr_units_destroy(&y);
  smr_units_destroy(&z);
  smr_job_destroy(&a);
  smr_job_destroy(&b);
  smr_job_destroy(&c);
}

/* Without run.ranks_per_unit a unit gets as many ranks as bring its memory under the share. */
static void test_auto_ranks(void **state) {
  (void)state;
  smr_job *small = parse_job("name: s\nexperiment: ridge\ndata: {features: 20, instances: 50}\n");
  smr_job *large = parse_job("name: l\nexperiment: ridge\n"
                             "data: {features: 1000, instances: 1000}\n"
                             "run: {memory_per_rank: 100 MiB}\n");
  smr_job *fixed = parse_job("name: f\nexperiment: ridge\ndata: {features: 20, instances: 50}\n"
                             "run: {ranks_per_unit: 3}\n");
  smr_units *x = make_units(small), *y = make_units(large), *z = make_units(fixed);
  assert_int_equal(x->most_ranks, 1);
  assert_true(y->most_ranks >= 1 && (y->most_ranks & (y->most_ranks - 1)) == 0);
  assert_int_equal(z->most_ranks, 3);
  assert_int_not_equal(smr_hash_compare(x->hashes[0], z->hashes[0]), 0);
  smr_units_destroy(&x);
  smr_units_destroy(&y);
  smr_units_destroy(&z);
  smr_job_destroy(&small);
  smr_job_destroy(&large);
  smr_job_destroy(&fixed);
}

/* The same cost on more workers takes less time, up to the shards there are. */
static void test_prediction(void **state) {
  (void)state;
  smr_rates rates = {1e9, 1e8};
  smr_unit_cost cost = {.flops = 2e9, .slow_flops = 1e8, .n_shards = 4};
  double one = smr_rates_predict(&rates, &cost, 1, 1);
  assert_close(one, 3.0, 1e-3, 0);
  assert_close(smr_rates_predict(&rates, &cost, 2, 2), 0.75, 1e-3, 0);
  assert_close(smr_rates_predict(&rates, &cost, 2, 4), 0.75, 1e-3, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks_partition), cmocka_unit_test(test_identity),
      cmocka_unit_test(test_auto_ranks), cmocka_unit_test(test_prediction)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
