simmer_test(train monitor RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/train_monitor.c LINK OpenMP::OpenMP_C)
simmer_test(train trainer RANKS 1 2 3 4 TIMEOUT 120 ENVIRONMENT OMP_WAIT_POLICY=passive SOURCES ${SIMMER_TEST_DIR}/train_trainer.c LINK OpenMP::OpenMP_C)
simmer_test(train gradient RANKS 1 2 3 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/train_gradient.c LINK OpenMP::OpenMP_C)
simmer_test(train tempered RANKS 1 2 3 4 TIMEOUT 120 ENVIRONMENT OMP_WAIT_POLICY=passive SOURCES ${SIMMER_TEST_DIR}/train_tempered.c LINK OpenMP::OpenMP_C)
