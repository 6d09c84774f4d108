/* Process grids, and the start of the layer. */
#include "mpi_frame.h"
#include "simmer/linalg/grid.h"

static void test_shape(void **state) {
  const int expected[][3] = {{1, 1, 1}, {2, 1, 2}, {3, 1, 3}, {4, 2, 2},  {6, 2, 3},
                             {7, 1, 7}, {8, 2, 4}, {9, 3, 3}, {12, 3, 4}, {36, 6, 6}};
  (void)state;
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    int rows = 0;
    int cols = 0;
    smr_grid_shape(expected[i][0], &rows, &cols);
    assert_int_equal(rows, expected[i][1]);
    assert_int_equal(cols, expected[i][2]);
  }
}

static void test_start(void **state) {
  const char *warning = "unset";
  (void)state;
  smr_linalg_start(&warning);
  assert_true(warning == NULL || strstr(warning, "OpenBLAS") != NULL);
  smr_linalg_start(NULL);
  assert_non_null(strstr(smr_linalg_version(), "OpenBLAS"));
  assert_true(strlen(smr_linalg_core_type()) > 0);
}

/* Each grid costs communicators: many in turn show that they are given back. */
static void test_many_grids(void **state) {
  (void)state;
  for (int i = 0; i < 50; i++) {
    smr_grid *grid = NULL;
    assert_ok(smr_grid_create(test_world, &grid));
    assert_ptr_equal(smr_grid_get_context(grid), test_world);
    smr_grid_destroy(&grid);
    assert_null(grid);
  }
  smr_grid_destroy(NULL);
}

static void test_grids_of_groups(void **state) {
  smr_context *group = NULL;
  smr_grid *grid = NULL;
  int index = 0;
  (void)state;
  assert_ok(smr_context_split(test_world, test_world->size > 1 ? 2 : 1, &group, &index));
  if (group != NULL) {
    assert_ok(smr_grid_create(group, &grid));
    assert_ptr_equal(smr_grid_get_context(grid), group);
  }
  smr_grid_destroy(&grid);
  smr_context_destroy(&group);
}

MPI_TEST_MAIN(cmocka_unit_test(test_shape), cmocka_unit_test(test_start),
              cmocka_unit_test(test_many_grids), cmocka_unit_test(test_grids_of_groups))
