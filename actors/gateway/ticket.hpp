// Whose a command is, and who is told what becomes of it.
#pragma once

#include "synod/messages/operations.hpp"

#include <cstdint>
#include <string_view>

namespace synod {

/// Names one command of one connection; comes back with its reply.
struct ticket {
  uint64_t connection = 0; ///< 0: nobody waits
  uint64_t number = 0;     ///< the connection's own
};

/// Takes what becomes of commands. A command may be answered twice, once by an error and late by its reply: the first counts.
class recipient {
public:
  virtual ~recipient() = default;

  virtual void deliver(ticket whose, schema::Reply::Reader reply) = 0;
  /// The reply to a read; who has no room for it may ask that again: a command, or keys whose versions were asked for.
  virtual void deliver_read(ticket whose, arguments asked, schema::Reply::Reader reply) = 0;
  virtual void fail(ticket whose, std::string_view error) = 0;
};

} // namespace synod
