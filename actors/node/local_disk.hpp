// The files of this machine.
#pragma once

#include "synod/actors/role/disk.hpp"

#include <memory>

namespace synod {

/// What `make` leaves unfinished has a name that ends in ".new".
std::shared_ptr<disk> local_disk();

} // namespace synod
