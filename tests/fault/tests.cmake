# Fault points and kills, which mostly wait; needs a build with SIMMER_FAULTS.
if(SIMMER_FAULTS)
  simmer_add_ctest(fault.points LABELS fault TIMEOUT 900 PROCESSORS 1
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/fault/test_faults.py)
  simmer_add_ctest(fault.storm LABELS fault TIMEOUT 600 PROCESSORS 1
    COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_SOURCE_DIR}/fault/storm.py)
endif()
