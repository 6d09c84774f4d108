simmer_test(data csv SOURCES ${SIMMER_TEST_DIR}/data_csv.c)
simmer_test(data hdf5 SOURCES ${SIMMER_TEST_DIR}/data_hdf5.c)
simmer_test(data idx SOURCES ${SIMMER_TEST_DIR}/data_idx.c)
simmer_test(data digits SOURCES ${SIMMER_TEST_DIR}/data_digits.c)
