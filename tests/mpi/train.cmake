simmer_test(train monitor RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/train_monitor.c LINK OpenMP::OpenMP_C)
