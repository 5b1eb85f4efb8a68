// Arguments as they lie in messages, for a state machine.
#pragma once

#include "synod/actors/role/state_machine.hpp"

#include <string_view>
#include <vector>

namespace synod {

/// Storage for the arguments of one command, used again for the next one, so that none is allocated per command.
class argument_buffer {
public:
  /// Views of a command's arguments; valid until the next call, and as long as the message.
  arguments of(capnp::List<capnp::Data>::Reader list) {
    views_.clear();
    for (auto each : list)
      views_.push_back(view(each));
    return views_;
  }

private:
  std::vector<std::string_view> views_;
};

} // namespace synod
