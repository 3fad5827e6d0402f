# SPDX-License-Identifier: MIT
# Functions that make targets: what every object of ours is compiled with, and drivers.

# tenon_flags(<target>): language, warnings, sanitizers, hardening. Private: nothing reaches users.
function(tenon_flags target)
  set_target_properties(${target} PROPERTIES
    C_STANDARD 17 C_STANDARD_REQUIRED ON C_EXTENSIONS ON
    POSITION_INDEPENDENT_CODE ON C_VISIBILITY_PRESET hidden)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wshadow -Wformat=2 -Wmissing-prototypes -Wstrict-prototypes -Wundef
    -Werror=implicit-function-declaration -Werror=int-conversion
    -Wimplicit-fallthrough -Wpointer-arith -Wwrite-strings -Wincompatible-pointer-types
    -fno-common -fno-semantic-interposition -fstack-protector-strong -ffunction-sections -fdata-sections
    # Messages are cut on purpose: snprintf() is there for that.
    $<$<C_COMPILER_ID:GNU>:-Woverride-init;-Wno-format-truncation>
    $<$<C_COMPILER_ID:Clang>:-Winitializer-overrides>
    $<$<BOOL:${TENON_WERROR}>:-Werror>)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "Debug" AND NOT TENON_SANITIZE)
    target_compile_definitions(${target} PRIVATE _FORTIFY_SOURCE=2)
  endif()
  target_link_options(${target} PRIVATE -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  if(TENON_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${TENON_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=undefined)
    target_link_options(${target} PRIVATE -fsanitize=${TENON_SANITIZE})
  else()
    target_link_options(${target} PRIVATE -Wl,--gc-sections)
  endif()
  # Programs find the library from where they stand, in the build tree and installed. What CMake
  # would write into the build tree ends with a separator, which means the working directory.
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES
      INSTALL_RPATH "${TENON_PROGRAM_RPATH}" BUILD_WITH_INSTALL_RPATH ON)
  endif()
  if(TENON_COVERAGE)
    target_compile_options(${target} PRIVATE --coverage -fprofile-update=atomic)
    target_link_options(${target} PRIVATE --coverage)
  endif()
endfunction()

# tenon_small(<target> <patterns of files>): what is not run for each statement (opening, settings,
# checks, reports) is made small, where the rest is made fast.
function(tenon_small target)
  file(GLOB files LIST_DIRECTORIES false CONFIGURE_DEPENDS ${ARGN})
  set_property(SOURCE ${files} TARGET_DIRECTORY ${target} APPEND PROPERTY COMPILE_OPTIONS
    $<$<CONFIG:Release,RelWithDebInfo>:-Os>)
endfunction()

# tenon_add_driver(NAME <scheme> SOURCES <files> [LIBRARIES <targets>] [ALIASES <schemes>] [NO_INSTALL])
# makes <scheme>.so in the driver directory, its aliases as links beside it, and
# tenon_driver_<scheme>, a static library of the same sources for programs that register it.
function(tenon_add_driver)
  cmake_parse_arguments(arg "NO_INSTALL" "NAME" "SOURCES;LIBRARIES;ALIASES" ${ARGN})
  set(objects tenon_driver_${arg_NAME}_objects)
  add_library(${objects} OBJECT ${arg_SOURCES})
  tenon_flags(${objects})
  target_include_directories(${objects} PRIVATE
    ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/drivers)
  target_link_libraries(${objects} PRIVATE ${arg_LIBRARIES} Threads::Threads)

  set(module tenon_driver_${arg_NAME}_module)
  add_library(${module} MODULE $<TARGET_OBJECTS:${objects}>)
  tenon_flags(${module})
  set_target_properties(${module} PROPERTIES PREFIX "" SUFFIX ".so" OUTPUT_NAME ${arg_NAME}
    LIBRARY_OUTPUT_DIRECTORY ${TENON_DRIVER_OUTPUT_DIRECTORY}
    LINKER_LANGUAGE C LINK_DEPENDS ${PROJECT_SOURCE_DIR}/drivers/driver.map)
  target_link_libraries(${module} PRIVATE tenon_base_static ${arg_LIBRARIES} Threads::Threads)
  target_link_options(${module} PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/drivers/driver.map)
  if(NOT TENON_SANITIZE)
    target_link_options(${module} PRIVATE -Wl,-z,defs)
  endif()
  foreach(alias IN LISTS arg_ALIASES)
    add_custom_command(TARGET ${module} POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink
      ${arg_NAME}.so ${TENON_DRIVER_OUTPUT_DIRECTORY}/${alias}.so)
  endforeach()

  add_library(tenon_driver_${arg_NAME} STATIC $<TARGET_OBJECTS:${objects}>)
  set_target_properties(tenon_driver_${arg_NAME} PROPERTIES LINKER_LANGUAGE C)
  target_link_libraries(tenon_driver_${arg_NAME} PUBLIC ${arg_LIBRARIES} Threads::Threads)

  if(NOT arg_NO_INSTALL)
    install(TARGETS ${module} LIBRARY DESTINATION ${TENON_DRIVER_INSTALL_DIR} COMPONENT ${arg_NAME})
    foreach(alias IN LISTS arg_ALIASES)
      install(FILES ${TENON_DRIVER_OUTPUT_DIRECTORY}/${alias}.so
        DESTINATION ${TENON_DRIVER_INSTALL_DIR} COMPONENT ${arg_NAME})
    endforeach()
  endif()
endfunction()
