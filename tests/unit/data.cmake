simmer_test(data csv SOURCES ${SIMMER_TEST_DIR}/data_csv.c)
simmer_test(data hdf5 SOURCES ${SIMMER_TEST_DIR}/data_hdf5.c)
