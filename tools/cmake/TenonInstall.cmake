# SPDX-License-Identifier: MIT
# Install rules, package configuration, pkg-config. Every path is relative to the prefix, so an
# installed tree may be moved. Components: runtime, development, tools, and one a driver.
include(CMakePackageConfigHelpers)

set(TENON_CMAKE_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tenon)
set(package_templates ${PROJECT_SOURCE_DIR}/tools/cmake/package)

install(TARGETS tenon tenon_static tenon_migrate tenon_migrate_static tenon_kit EXPORT tenon-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
# For tests: nothing that a program needs when it runs.
install(TARGETS tenon_testing tenon_testing_static EXPORT tenon-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tenon
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
# Of tenon::kit, for drivers: no promise that it stays as it is, unlike <tenon/driver.h>.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/core/base ${PROJECT_SOURCE_DIR}/drivers/kit
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tenon-kit COMPONENT development
  FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

# find_package(tenon COMPONENTS postgresql sqlite testing)
install(EXPORT tenon-targets NAMESPACE tenon:: FILE tenon-targets.cmake
  DESTINATION ${TENON_CMAKE_INSTALL_DIR} COMPONENT development)
configure_package_config_file(${package_templates}/tenon-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/tenon-config.cmake
  INSTALL_DESTINATION ${TENON_CMAKE_INSTALL_DIR}
  PATH_VARS TENON_DRIVER_INSTALL_DIR CMAKE_INSTALL_BINDIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Below 1.0 a minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/tenon-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/package/tenon-config.cmake
  ${PROJECT_BINARY_DIR}/package/tenon-config-version.cmake
  ${package_templates}/TenonDriver.cmake
  ${package_templates}/TenonMigrate.cmake
  ${PROJECT_SOURCE_DIR}/drivers/driver.map
  DESTINATION ${TENON_CMAKE_INSTALL_DIR} COMPONENT development)

# pkg-config --cflags --libs [--static] tenon, tenon-migrate, tenon-testing
file(RELATIVE_PATH TENON_PC_PREFIX
  /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
string(REGEX REPLACE "/$" "" TENON_PC_PREFIX "${TENON_PC_PREFIX}")
set(package_files)
foreach(library tenon tenon-migrate tenon-testing)
  configure_file(${package_templates}/${library}.pc.in
    ${PROJECT_BINARY_DIR}/package/${library}.pc @ONLY)
  list(APPEND package_files ${PROJECT_BINARY_DIR}/package/${library}.pc)
endforeach()
install(FILES ${package_files}
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

if(TENON_TOOLS)
  set_target_properties(tenon_command PROPERTIES INSTALL_RPATH "${TENON_PROGRAM_RPATH}")
endif()

# Made by the command from its own table.
if(TENON_TOOLS AND NOT CMAKE_CROSSCOMPILING)
  set(made)
  foreach(pair bash:tenon zsh:_tenon fish:tenon.fish man:tenon.1)
    string(REPLACE ":" ";" pair ${pair})
    list(GET pair 0 kind)
    list(GET pair 1 name)
    set(file ${PROJECT_BINARY_DIR}/package/${kind}/${name})
    file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/package/${kind})
    add_custom_command(OUTPUT ${file}
      COMMAND sh -c "\"$1\" completion ${kind} >\"$2\"" sh $<TARGET_FILE:tenon_command> ${file}
      DEPENDS tenon_command VERBATIM)
    list(APPEND made ${file})
  endforeach()
  add_custom_target(tenon_documents ALL DEPENDS ${made})
  set(package ${PROJECT_BINARY_DIR}/package)
  install(FILES ${package}/bash/tenon COMPONENT tools
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${package}/zsh/_tenon COMPONENT tools
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${package}/fish/tenon.fish COMPONENT tools
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
  install(FILES ${package}/man/tenon.1 COMPONENT tools DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
endif()

# The conformance suite, so that others certify their drivers.
if(TARGET tenon_conformance)
  install(TARGETS tenon_conformance RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT tools)
endif()
