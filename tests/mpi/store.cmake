simmer_test(store checkpoint RANKS 1 2 3 4 TIMEOUT 120 SOURCES ${SIMMER_TEST_DIR}/store_checkpoint.c)
simmer_test(store checkpoint_damage RANKS 1 2 3 4 TIMEOUT 120
  SOURCES ${SIMMER_TEST_DIR}/store_checkpoint_damage.c)
