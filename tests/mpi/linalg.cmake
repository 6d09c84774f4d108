simmer_test(linalg grid RANKS 1 2 3 4 7 SOURCES ${SIMMER_TEST_DIR}/linalg_grid.c)
simmer_test(linalg qr RANKS 1 2 3 4 7 TIMEOUT 180 SOURCES ${SIMMER_TEST_DIR}/linalg_qr.c LINK OpenMP::OpenMP_C)
simmer_test(linalg svd RANKS 1 2 3 4 7 TIMEOUT 240 SOURCES ${SIMMER_TEST_DIR}/linalg_svd.c LINK OpenMP::OpenMP_C)
simmer_test(linalg reference RANKS 1 2 SOURCES ${SIMMER_TEST_DIR}/linalg_reference.c)
