# SPDX-License-Identifier: MIT
# Install rules, package configuration, pkg-config. Every path is relative to the prefix, so an
# installed tree may be moved. Components: runtime, development, tools, and one a driver.
include(CMakePackageConfigHelpers)

set(TENON_CMAKE_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tenon)
set(package_templates ${PROJECT_SOURCE_DIR}/tools/cmake/package)

install(TARGETS tenon tenon_static EXPORT tenon-targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tenon
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT runtime)

# find_package(tenon COMPONENTS postgresql sqlite)
install(EXPORT tenon-targets NAMESPACE tenon:: FILE tenon-targets.cmake
  DESTINATION ${TENON_CMAKE_INSTALL_DIR} COMPONENT development)
configure_package_config_file(${package_templates}/tenon-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/tenon-config.cmake
  INSTALL_DESTINATION ${TENON_CMAKE_INSTALL_DIR}
  PATH_VARS TENON_DRIVER_INSTALL_DIR
  NO_CHECK_REQUIRED_COMPONENTS_MACRO)
# Below 1.0 a minor version may change the API.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/tenon-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/package/tenon-config.cmake
  ${PROJECT_BINARY_DIR}/package/tenon-config-version.cmake
  ${package_templates}/TenonDriver.cmake
  ${PROJECT_SOURCE_DIR}/drivers/driver.map
  DESTINATION ${TENON_CMAKE_INSTALL_DIR} COMPONENT development)

# pkg-config --cflags --libs [--static] tenon
file(RELATIVE_PATH TENON_PC_PREFIX
  /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
string(REGEX REPLACE "/$" "" TENON_PC_PREFIX "${TENON_PC_PREFIX}")
configure_file(${package_templates}/tenon.pc.in ${PROJECT_BINARY_DIR}/package/tenon.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/package/tenon.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
