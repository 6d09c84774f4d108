# simmer_test(LAYER NOUN [RANKS 1 2 3 4] [TIMEOUT seconds] [LABELS …] SOURCES … LINK …)
#   without RANKS: a plain program, ctest name LAYER.NOUN.np1; with RANKS: one ctest entry per number of ranks by mpirun.
find_library(CMOCKA_LIBRARY NAMES cmocka)
find_path(CMOCKA_INCLUDE NAMES cmocka.h)
if(NOT CMOCKA_LIBRARY OR NOT CMOCKA_INCLUDE)
  simmer_missing("cmocka for its tests (or configure with -DBUILD_TESTING=OFF)" libcmocka-dev cmocka cmocka)
endif()

# The environment of every test, in one place.
set(SIMMER_TEST_ENVIRONMENT
  OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
  OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
  SIMMER_SOURCE=${PROJECT_SOURCE_DIR} SIMMER_BUILD=${PROJECT_BINARY_DIR} SIMMER_MPIEXEC=${MPIEXEC_EXECUTABLE})
execute_process(COMMAND id -u OUTPUT_VARIABLE SIMMER_UID OUTPUT_STRIP_TRAILING_WHITESPACE)
if(SIMMER_UID STREQUAL "0")
  list(APPEND SIMMER_TEST_ENVIRONMENT OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)
endif()

# Timeouts end what hangs; what is only slow, on an old or busy machine or under a sanitizer, must not meet them.
set(SIMMER_TEST_PATIENCE 3 CACHE STRING "Factor on the timeouts of all tests")

function(simmer_add_ctest name)
  cmake_parse_arguments(ARG "" "TIMEOUT;PROCESSORS" "LABELS;COMMAND;ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * ${SIMMER_TEST_PATIENCE}")
  if(NOT ARG_PROCESSORS)
    set(ARG_PROCESSORS 1)
  endif()
  add_test(NAME ${name} COMMAND ${ARG_COMMAND})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${ARG_PROCESSORS} SKIP_RETURN_CODE 77
    ENVIRONMENT "${SIMMER_TEST_ENVIRONMENT};${ARG_ENVIRONMENT}" LABELS "${ARG_LABELS}")
endfunction()

function(simmer_test layer noun)
  cmake_parse_arguments(ARG "" "TIMEOUT" "RANKS;LABELS;SOURCES;LINK;ENVIRONMENT" ${ARGN})
  set(target test_${layer}_${noun})
  add_executable(${target} ${ARG_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support)
  target_include_directories(${target} SYSTEM PRIVATE ${CMOCKA_INCLUDE})
  target_compile_definitions(${target} PRIVATE SIMMER_TEST_REFERENCE="${PROJECT_SOURCE_DIR}/tests/reference")
  target_link_libraries(${target} PRIVATE simmer_${layer} ${ARG_LINK} ${CMOCKA_LIBRARY} simmer_flags m)
  if(NOT ARG_RANKS)
    simmer_add_ctest(${layer}.${noun}.np1 COMMAND ${target} TIMEOUT ${ARG_TIMEOUT} LABELS unit ${ARG_LABELS}
      ENVIRONMENT ${ARG_ENVIRONMENT})
  endif()
  foreach(n IN LISTS ARG_RANKS)
    set(procs ${n})
    if(n GREATER 2)
      set(procs 2)
    endif()
    set(abort "")
    if(n GREATER 1)
      set(abort CMOCKA_TEST_ABORT=1)
    endif()
    simmer_add_ctest(${layer}.${noun}.np${n} TIMEOUT ${ARG_TIMEOUT} PROCESSORS ${procs} LABELS mpi ${ARG_LABELS}
      ENVIRONMENT ${abort} ${ARG_ENVIRONMENT}
      COMMAND ${MPIEXEC_EXECUTABLE} -q ${MPIEXEC_NUMPROC_FLAG} ${n} $<TARGET_FILE:${target}>)
  endforeach()
endfunction()
