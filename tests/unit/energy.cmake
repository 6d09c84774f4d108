simmer_test(energy rbm SOURCES ${SIMMER_TEST_DIR}/energy_rbm.c)
simmer_test(energy ising SOURCES ${SIMMER_TEST_DIR}/energy_ising.c)
simmer_test(energy model SOURCES ${SIMMER_TEST_DIR}/energy_model.c)
