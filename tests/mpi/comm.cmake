simmer_test(comm agree RANKS 1 2 3 4 7 TIMEOUT 30 SOURCES ${SIMMER_TEST_DIR}/comm_agree.c)
simmer_test(comm context RANKS 1 2 3 4 7 TIMEOUT 30 SOURCES ${SIMMER_TEST_DIR}/comm_context.c)
simmer_test(comm gather RANKS 1 2 3 4 7 TIMEOUT 60 SOURCES ${SIMMER_TEST_DIR}/comm_gather.c)
simmer_test(comm reduce RANKS 1 2 3 4 7 TIMEOUT 30 SOURCES ${SIMMER_TEST_DIR}/comm_reduce.c)
simmer_test(comm tree RANKS 1 2 3 4 7 TIMEOUT 60 SOURCES ${SIMMER_TEST_DIR}/comm_tree.c
  LINK OpenMP::OpenMP_C)
simmer_test(comm shared RANKS 1 2 3 4 7 TIMEOUT 60 SOURCES ${SIMMER_TEST_DIR}/comm_shared.c)

# The same programs where ranks are on two nodes.
simmer_add_ctest(comm.two_hosts TIMEOUT 120 PROCESSORS 2 LABELS mpi netns
  COMMAND ${PROJECT_SOURCE_DIR}/tests/run/two_hosts.sh $<TARGET_FILE:test_comm_agree>
    $<TARGET_FILE:test_comm_context> $<TARGET_FILE:test_comm_reduce> $<TARGET_FILE:test_comm_tree>
    $<TARGET_FILE:test_comm_shared> $<TARGET_FILE:test_comm_gather>)
