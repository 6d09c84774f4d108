simmer_test(regress loo RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/regress_loo.c LINK OpenMP::OpenMP_C)
simmer_test(regress folds RANKS 1 2 3 4 TIMEOUT 180 SOURCES ${SIMMER_TEST_DIR}/regress_folds.c LINK OpenMP::OpenMP_C)
simmer_test(regress ncp RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/regress_ncp.c LINK OpenMP::OpenMP_C)
simmer_test(regress logistic RANKS 1 2 3 4 TIMEOUT 120 ENVIRONMENT OMP_WAIT_POLICY=passive SOURCES ${SIMMER_TEST_DIR}/regress_logistic.c LINK OpenMP::OpenMP_C)
