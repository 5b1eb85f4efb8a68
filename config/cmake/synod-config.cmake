# find_package(synod): synod::synod, the library; synod::simulation, the simulator for a user's own roles and state machines.
include(${CMAKE_CURRENT_LIST_DIR}/synod-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/synod-targets.cmake)
