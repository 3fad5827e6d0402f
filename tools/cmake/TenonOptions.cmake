# SPDX-License-Identifier: MIT
# What can be chosen when configuring, and what was found. No targets here.
include(GNUInstallDirs)

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Debug, Release, RelWithDebInfo, MinSizeRel" FORCE)
endif()

option(TENON_TOOLS "Build the tenon command" ON)
option(TENON_TESTS "Build the tests" ${PROJECT_IS_TOP_LEVEL})
option(TENON_EXAMPLES "Build the example application" ${PROJECT_IS_TOP_LEVEL})
option(TENON_WERROR "Warnings are errors" OFF)
option(TENON_COVERAGE "Instrument for gcov" OFF)
set(TENON_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined or thread")

# AUTO: built when its client library is there. ON: missing is an error. OFF: never.
set(TENON_DRIVER_POSTGRESQL AUTO CACHE STRING "PostgreSQL driver: AUTO, ON, OFF")
set(TENON_DRIVER_SQLITE AUTO CACHE STRING "SQLite driver: AUTO, ON, OFF")
set_property(CACHE TENON_DRIVER_POSTGRESQL TENON_DRIVER_SQLITE PROPERTY STRINGS AUTO ON OFF)

find_package(Threads REQUIRED)

# tenon_find_client(<driver> <package> <target>): sets TENON_HAVE_<driver>.
macro(tenon_find_client driver package target)
  set(TENON_HAVE_${driver} OFF)
  if(TENON_DRIVER_${driver} STREQUAL "ON")
    find_package(${package} REQUIRED)
  elseif(NOT TENON_DRIVER_${driver} STREQUAL "OFF")
    find_package(${package} QUIET)
  endif()
  if(TARGET ${target} AND NOT TENON_DRIVER_${driver} STREQUAL "OFF")
    set(TENON_HAVE_${driver} ON)
  endif()
endmacro()
tenon_find_client(POSTGRESQL PostgreSQL PostgreSQL::PostgreSQL)
tenon_find_client(SQLITE SQLite3 SQLite::SQLite3)
# libpq's own TLS library, so that sessions under TLS can be read past libpq, too.
if(TENON_HAVE_POSTGRESQL)
  find_package(OpenSSL QUIET)
endif()

# One layout in the build tree and installed: the drivers are found relative to the library.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(TENON_DRIVER_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib/tenon/drivers)
set(TENON_DRIVER_INSTALL_DIR ${CMAKE_INSTALL_LIBDIR}/tenon/drivers)

# From a program's directory to the library's: in the build tree, and installed.
file(RELATIVE_PATH TENON_PROGRAM_RPATH /x/${CMAKE_INSTALL_BINDIR} /x/${CMAKE_INSTALL_LIBDIR})
set(TENON_PROGRAM_RPATH $ORIGIN/../lib $ORIGIN/${TENON_PROGRAM_RPATH})
list(REMOVE_DUPLICATES TENON_PROGRAM_RPATH)
