foreach(noun units summary sample)
  simmer_test(app ${noun} SOURCES ${SIMMER_TEST_DIR}/app_${noun}.c)
  target_include_directories(test_app_${noun} PRIVATE ${PROJECT_SOURCE_DIR}/src/app)
endforeach()
