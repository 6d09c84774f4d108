# cmake --install: headers, libraries, and a CMake package that finds them.
install(DIRECTORY include/simmer DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
