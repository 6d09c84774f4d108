simmer_test(linalg kernel SOURCES ${SIMMER_TEST_DIR}/linalg_kernel.c)
