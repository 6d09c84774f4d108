simmer_test(sample enumerate RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/sample_enumerate.c LINK OpenMP::OpenMP_C)
simmer_test(sample annealing RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/sample_annealing.c LINK OpenMP::OpenMP_C)
simmer_test(sample tempering RANKS 1 2 3 4 TIMEOUT 120 ENVIRONMENT OMP_WAIT_POLICY=passive SOURCES ${SIMMER_TEST_DIR}/sample_tempering.c LINK OpenMP::OpenMP_C)
simmer_test(sample observe RANKS 1 2 3 4 7 TIMEOUT 120 ENVIRONMENT OMP_WAIT_POLICY=passive SOURCES ${SIMMER_TEST_DIR}/sample_observe.c LINK OpenMP::OpenMP_C)
