# Whole-program tests.
find_package(Python3 COMPONENTS Interpreter REQUIRED)
set(SIMMER_TEST_DIR ${CMAKE_CURRENT_SOURCE_DIR}/run)
add_executable(compare ${CMAKE_CURRENT_SOURCE_DIR}/support/compare.c)
target_link_libraries(compare PRIVATE simmer_store simmer_flags)
set_target_properties(compare PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

simmer_add_ctest(layers.includes LABELS run
  COMMAND ${Python3_EXECUTABLE} ${SIMMER_TEST_DIR}/check_layers.py ${PROJECT_SOURCE_DIR})
simmer_add_ctest(install.package LABELS run TIMEOUT 180 COMMAND ${SIMMER_TEST_DIR}/test_install.sh)
set(run_tests bad_input jobs designs renormalize)
if(SIMMER_FAULTS) # these slow runs down by SIMMER_DELAY, to meet them midway
  list(APPEND run_tests invariance stop logistic rbm partition sample status)
endif()
foreach(name IN LISTS run_tests)
  simmer_add_ctest(run.${name} LABELS run TIMEOUT 600 PROCESSORS 2
    COMMAND ${Python3_EXECUTABLE} ${SIMMER_TEST_DIR}/test_${name}.py)
endforeach()
set(analysis_python ${PROJECT_SOURCE_DIR}/.venv/bin/python)
if(NOT EXISTS ${analysis_python})
  set(analysis_python ${Python3_EXECUTABLE})
endif()
simmer_add_ctest(analysis.figures LABELS run TIMEOUT 600
  COMMAND ${analysis_python} ${SIMMER_TEST_DIR}/test_analysis.py)
simmer_add_ctest(run.choosers LABELS run TIMEOUT 300
  COMMAND ${analysis_python} ${SIMMER_TEST_DIR}/test_choosers.py)
simmer_add_ctest(run.bounds LABELS run TIMEOUT 300 PROCESSORS 2
  COMMAND ${analysis_python} ${SIMMER_TEST_DIR}/test_bounds.py)
foreach(name rbm convert sample partition)
  simmer_add_ctest(analysis.${name} LABELS run TIMEOUT 300
    COMMAND ${analysis_python} ${SIMMER_TEST_DIR}/test_analysis_${name}.py)
endforeach()
simmer_add_ctest(run.report LABELS run TIMEOUT 400 COMMAND ${analysis_python} ${SIMMER_TEST_DIR}/test_report.py)
simmer_add_ctest(run.two_hosts LABELS run netns TIMEOUT 180 PROCESSORS 2 COMMAND ${SIMMER_TEST_DIR}/two_hosts_run.sh)
