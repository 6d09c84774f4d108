simmer_test(sample estimate SOURCES ${SIMMER_TEST_DIR}/sample_estimate.c)
simmer_test(sample series SOURCES ${SIMMER_TEST_DIR}/sample_series.c)
simmer_test(sample mean_field SOURCES ${SIMMER_TEST_DIR}/sample_mean_field.c)
simmer_test(sample renormalize SOURCES ${SIMMER_TEST_DIR}/sample_renormalize.c)
