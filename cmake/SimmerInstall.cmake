# libsimmer gathers the layers; cmake --install gives program, library, headers and a CMake package.
get_property(layers GLOBAL PROPERTY SIMMER_LAYERS)
set(objects "")
foreach(layer IN LISTS layers)
  list(APPEND objects $<TARGET_OBJECTS:${layer}>)
endforeach()
add_library(libsimmer STATIC ${objects})
set_target_properties(libsimmer PROPERTIES OUTPUT_NAME simmer LINKER_LANGUAGE C)

install(TARGETS simmer RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS libsimmer ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/simmer DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

include(CMakePackageConfigHelpers)
set(SIMMER_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/simmer)
configure_package_config_file(cmake/simmerConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/simmerConfig.cmake
  INSTALL_DESTINATION ${SIMMER_PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/simmerConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/simmerConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/simmerConfigVersion.cmake
  cmake/SimmerDependencies.cmake DESTINATION ${SIMMER_PACKAGE_DIR})
