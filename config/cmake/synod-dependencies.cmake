# What Synod's libraries need, for its own build and, installed beside synod-config.cmake, for those who use them.
# Debian's packages of these have no CMake files of their own.
function(synod_import target library header)
  if(TARGET ${target})
    return()
  endif()
  string(MAKE_C_IDENTIFIER "SYNOD_${library}" variable)
  find_library(${variable}_LIBRARY ${library} REQUIRED)
  find_path(${variable}_INCLUDE ${header} REQUIRED)
  mark_as_advanced(${variable}_LIBRARY ${variable}_INCLUDE)
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${variable}_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${${variable}_INCLUDE})
endfunction()

# Cap'n Proto's package asks the linker for libatomic by way of a C program.
if(NOT CMAKE_C_COMPILER_LOADED)
  enable_language(C)
endif()
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(CapnProto)
find_dependency(spdlog)
find_dependency(absl)
synod_import(synod::caf_core caf_core caf/all.hpp)
synod_import(synod::crypto crypto openssl/hmac.h)
synod_import(synod::uv uv uv.h)
synod_import(synod::xxhash xxhash xxhash.h)
