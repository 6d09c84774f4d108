# One static library a layer: simmer_layer(NAME SOURCES file… USES layer… LINK target…).
# The link lines are the layer table of the design; tests/run/check_layers.py reads the includes.
add_library(simmer_flags INTERFACE)
target_compile_options(simmer_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
  -Wdouble-promotion -Wcast-qual -Wundef -Wformat=2 -Wwrite-strings
  # Wide vectors are passed between static functions only, where no ABI matters.
  -Wno-psabi
  # Contracted or reordered arithmetic would make bits depend on the compiler's mood.
  -ffp-contract=off -fno-math-errno)
target_compile_definitions(simmer_flags INTERFACE _GNU_SOURCE)
if(SIMMER_WERROR)
  target_compile_options(simmer_flags INTERFACE -Werror)
endif()
if(SIMMER_NATIVE)
  target_compile_options(simmer_flags INTERFACE -march=native)
endif()
if(SIMMER_SANITIZE)
  target_compile_options(simmer_flags INTERFACE -fsanitize=address,undefined -fno-omit-frame-pointer)
  target_link_options(simmer_flags INTERFACE -fsanitize=address,undefined)
endif()
if(SIMMER_FUZZ)
  target_compile_options(simmer_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SIMMER_COVERAGE)
  target_compile_options(simmer_flags INTERFACE --coverage)
  target_link_options(simmer_flags INTERFACE --coverage)
endif()
if(SIMMER_FAULTS)
  target_compile_definitions(simmer_flags INTERFACE SIMMER_FAULTS=1)
endif()

set_property(GLOBAL PROPERTY SIMMER_LAYERS "")
function(simmer_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;LINK" ${ARGN})
  set(target simmer_${name})
  list(TRANSFORM ARG_USES PREPEND simmer_)
  if(NOT ARG_SOURCES)
    add_library(${target} INTERFACE)
    target_link_libraries(${target} INTERFACE ${ARG_USES} ${ARG_LINK})
    return()
  endif()
  add_library(${target} STATIC ${ARG_SOURCES})
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_USES} PRIVATE ${ARG_LINK} $<BUILD_INTERFACE:simmer_flags>)
  set_property(GLOBAL APPEND PROPERTY SIMMER_LAYERS ${target})
endfunction()
