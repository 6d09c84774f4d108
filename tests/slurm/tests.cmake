# simmer on a real Slurm, started by the test itself; skipped where there is none. Slows jobs down by SIMMER_DELAY.
if(SIMMER_FAULTS)
  simmer_add_ctest(slurm.cluster LABELS slurm TIMEOUT 900 PROCESSORS 1
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/slurm/test_slurm.py)
endif()
