simmer_test(linalg kernel SOURCES ${SIMMER_TEST_DIR}/linalg_kernel.c)
simmer_test(linalg fused SOURCES ${SIMMER_TEST_DIR}/linalg_fused.c)
simmer_test(linalg panel SOURCES ${SIMMER_TEST_DIR}/linalg_panel.c)
