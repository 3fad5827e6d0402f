# SPDX-License-Identifier: MIT
# For drivers outside of tenon's tree, after find_package(tenon):
#
#   tenon_add_driver(NAME <scheme> SOURCES <files> [LIBRARIES <targets>] [ALIASES <schemes>])
#
# makes the target tenon_driver_<scheme>: a module <scheme>.so that exports tn_driver_module and
# nothing else, with its aliases as links beside it. It needs <tenon/driver.h> and nothing more of
# tenon; LIBRARIES tenon::kit gives it what tenon's own drivers share ("kit/kit.h", "base/...h":
# linked in, hidden, and free to change from version to version). Install it into ${tenon_DRIVER_DIR}, or name its directory in TENON_DRIVER_PATH.
set(TENON_DRIVER_MAP ${CMAKE_CURRENT_LIST_DIR}/driver.map)

function(tenon_add_driver)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;LIBRARIES;ALIASES" ${ARGN})
  if(NOT arg_NAME MATCHES "^[a-z][a-z0-9+.-]*$")
    message(FATAL_ERROR "tenon_add_driver: \"${arg_NAME}\" is not a scheme ([a-z][a-z0-9+.-]*)")
  endif()
  set(target tenon_driver_${arg_NAME})
  add_library(${target} MODULE ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES
    PREFIX "" SUFFIX ".so" OUTPUT_NAME ${arg_NAME} C_VISIBILITY_PRESET hidden
    LINK_DEPENDS ${TENON_DRIVER_MAP})
  target_compile_features(${target} PRIVATE c_std_11)
  target_include_directories(${target} PRIVATE
    $<TARGET_PROPERTY:tenon::tenon,INTERFACE_INCLUDE_DIRECTORIES>)
  target_link_libraries(${target} PRIVATE ${arg_LIBRARIES})
  target_link_options(${target} PRIVATE
    -Wl,--version-script=${TENON_DRIVER_MAP} -Wl,-z,defs -Wl,-z,relro -Wl,-z,now)
  foreach(alias IN LISTS arg_ALIASES)
    add_custom_command(TARGET ${target} POST_BUILD COMMAND ${CMAKE_COMMAND} -E create_symlink
      ${arg_NAME}.so $<TARGET_FILE_DIR:${target}>/${alias}.so VERBATIM)
  endforeach()
endfunction()
