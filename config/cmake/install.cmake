# What `cmake --install` puts where, and what `cpack` makes of it.
include(CMakePackageConfigHelpers)
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/synod)

install(TARGETS synod_messages synod synod_simulation EXPORT synod
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET api DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT synod NAMESPACE synod:: FILE synod-targets.cmake DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/synod-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES config/cmake/synod-config.cmake config/cmake/synod-dependencies.cmake ${PROJECT_BINARY_DIR}/synod-config-version.cmake
  DESTINATION ${package_directory})

if(SYNOD_APPS)
  set(programs synod-bench synod-ctl synod-dev synod-node synod-sim)
  set(synod-bench_is "put load on a Synod cluster and measure")
  set(synod-ctl_is "look at a Synod cluster")
  set(synod-dev_is "a whole Synod cluster in one process")
  set(synod-node_is "one node of a Synod cluster")
  set(synod-sim_is "simulate Synod clusters under faults")
  install(TARGETS ${programs} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(FILES README.md config/three-nodes.conf config/separate-acceptors.conf DESTINATION ${CMAKE_INSTALL_DOCDIR})

  # Man pages are what --help says.
  find_program(HELP2MAN help2man)
  if(HELP2MAN)
    foreach(program ${programs})
      set(page ${PROJECT_BINARY_DIR}/man/${program}.1)
      add_custom_command(OUTPUT ${page} DEPENDS ${program} VERBATIM
        COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
        COMMAND ${HELP2MAN} --no-info --name=${${program}_is} --output=${page} $<TARGET_FILE:${program}>)
      list(APPEND pages ${page})
    endforeach()
    add_custom_target(man ALL DEPENDS ${pages})
    install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 OPTIONAL) # apps/run does not make them.
  else()
    message(STATUS "man pages are left out: help2man is missing (tests/run installs it)")
  endif()

  # cpack: a package for the Debian that it is made on.
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_NAME synod)
  set(CPACK_PACKAGE_CONTACT "Synod's maintainers <synod@localhost>")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_STRIP_FILES ON)
  set(CPACK_SYNOD_SOURCE ${PROJECT_SOURCE_DIR})
  set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/config/cmake/complete-deb.cmake)
  set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_PACKAGE_SECTION database)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
  # What programs are built with that use the library, and who speaks to a node.
  set(CPACK_DEBIAN_PACKAGE_SUGGESTS "cmake, g++, libabsl-dev, libcaf-dev, libcapnp-dev, libspdlog-dev, libssl-dev, libuv1-dev, libxxhash-dev, make, pkg-config, redis-tools")
  file(WRITE ${PROJECT_BINARY_DIR}/conffiles "/etc/synod/cluster.conf\n")
  set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_BINARY_DIR}/conffiles
    ${PROJECT_SOURCE_DIR}/config/debian/postinst ${PROJECT_SOURCE_DIR}/config/debian/prerm ${PROJECT_SOURCE_DIR}/config/debian/postrm)
  set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
  include(CPack)
endif()
