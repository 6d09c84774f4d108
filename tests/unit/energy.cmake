simmer_test(energy rbm SOURCES ${SIMMER_TEST_DIR}/energy_rbm.c)
