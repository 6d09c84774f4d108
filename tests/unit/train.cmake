simmer_test(train schedule SOURCES ${SIMMER_TEST_DIR}/train_schedule.c)
