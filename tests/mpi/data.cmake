simmer_test(data open RANKS 1 2 3 4 SOURCES ${SIMMER_TEST_DIR}/data_open.c)
simmer_test(data sample RANKS 1 2 SOURCES ${SIMMER_TEST_DIR}/data_sample.c)
simmer_test(data teacher RANKS 1 2 SOURCES ${SIMMER_TEST_DIR}/data_teacher.c)
simmer_test(data images RANKS 1 2 3 4 SOURCES ${SIMMER_TEST_DIR}/data_images.c)
