foreach(noun value list parse sweep identity resolved mutation keys)
  simmer_test(job ${noun} TIMEOUT 120
    SOURCES ${SIMMER_TEST_DIR}/job_${noun}.c ${SIMMER_TEST_DIR}/job_fixture.c)
endforeach()
