simmer_test(regress ridge SOURCES ${SIMMER_TEST_DIR}/regress_ridge.c)
simmer_test(regress theory SOURCES ${SIMMER_TEST_DIR}/regress_theory.c)
