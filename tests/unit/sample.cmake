simmer_test(sample estimate SOURCES ${SIMMER_TEST_DIR}/sample_estimate.c)
simmer_test(sample series SOURCES ${SIMMER_TEST_DIR}/sample_series.c)
simmer_test(sample renormalize SOURCES ${SIMMER_TEST_DIR}/sample_renormalize.c)
simmer_test(sample transition SOURCES ${SIMMER_TEST_DIR}/sample_transition.c)
