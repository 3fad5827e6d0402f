# SPDX-License-Identifier: MIT
# Migrations within a program:
#
#   tenon_embed_migrations(<target> <directory> [<symbol>])
#
# writes the directory's files as a table in C whenever one of them changes, and adds it to the
# target, which is linked with tenon::migrate. In the program:
#
#   extern const tn_migration_files <symbol>;    (migrations, if none is given)
#   tn_migrate_up(db, &<symbol>, NULL, &err)
#
# It runs `tenon migrate embed`: the command of this package, or TENON_COMMAND.
function(tenon_embed_migrations target directory)
  set(symbol migrations)
  if(ARGC GREATER 2)
    set(symbol ${ARGV2})
  endif()
  get_filename_component(directory ${directory} ABSOLUTE BASE_DIR ${CMAKE_CURRENT_SOURCE_DIR})
  if(NOT IS_DIRECTORY ${directory})
    message(FATAL_ERROR "tenon_embed_migrations: there is no directory ${directory}")
  endif()
  if(TARGET tenon_command)
    set(command $<TARGET_FILE:tenon_command>)
    set(depends tenon_command)
  else()
    find_program(TENON_COMMAND tenon HINTS ${tenon_COMMAND_DIR} REQUIRED)
    set(command ${TENON_COMMAND})
    set(depends)
  endif()
  # A file that is added or removed makes CMake look again.
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${directory}/*.sql)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${target}_${symbol}.c)
  add_custom_command(OUTPUT ${source}
    COMMAND ${command} migrate embed --dir ${directory} --name ${symbol} --output ${source}
    DEPENDS ${files} ${depends} VERBATIM
    COMMENT "Embedding the migrations of ${directory}")
  target_sources(${target} PRIVATE ${source})
  target_link_libraries(${target} PRIVATE tenon::migrate)
endfunction()
