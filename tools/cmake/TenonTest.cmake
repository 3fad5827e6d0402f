# SPDX-License-Identifier: MIT
# tenon_add_test(NAME <name> LABELS <labels> SOURCES <files> [LIBRARIES <targets>] [TIMEOUT <s>]
#                [ARGS ...])
# makes one test executable and registers it with CTest. Tests that look inside link tenon_static,
# those that stand where an application stands link tenon. Exit 77 is a skip of the whole.
# Without TENON_TESTS it does nothing.
function(tenon_add_test)
  if(NOT TENON_TESTS)
    return()
  endif()
  cmake_parse_arguments(arg "" "NAME;TIMEOUT" "LABELS;SOURCES;LIBRARIES;ARGS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  if(TENON_SANITIZE)
    # Instrumented code is several times slower; the limit is there to end hangs only.
    math(EXPR arg_TIMEOUT "${arg_TIMEOUT} * 5")
  endif()
  add_executable(${arg_NAME} ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/line_buffered.c)
  tenon_flags(${arg_NAME})
  set_target_properties(${arg_NAME} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/include)
  if("tenon_static" IN_LIST arg_LIBRARIES)
    target_include_directories(${arg_NAME} PRIVATE ${PROJECT_SOURCE_DIR}/core)
  endif()
  target_link_libraries(${arg_NAME} PRIVATE ${arg_LIBRARIES} Threads::Threads)
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME} ${arg_ARGS})
  set_tests_properties(${arg_NAME} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
    SKIP_RETURN_CODE 77 ENVIRONMENT "TENON_NO_ENV=1")
endfunction()
