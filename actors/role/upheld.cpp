#include "synod/actors/role/upheld.hpp"

#include <cstdio>
#include <utility>

#include <unistd.h>

namespace synod {

namespace {

broken_handler& present_handler() {
  static broken_handler present;
  return present;
}

} // namespace

broken_handler on_broken(broken_handler handler) {
  return std::exchange(present_handler(), std::move(handler));
}

void broken(std::string_view invariant, const std::string& seen) {
  if (auto& handler = present_handler())
    handler(invariant, seen);
  auto text = fmt::format("invariant {} does not hold: {}; this process ends\n", invariant, seen);
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size())); // Nobody is left to tell of a failure.
  ::_exit(1);
}

} // namespace synod
