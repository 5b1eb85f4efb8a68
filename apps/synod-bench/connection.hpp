// What carries commands to a server and replies back.
#pragma once

#include "command_source.hpp"

#include <chrono>
#include <deque>
#include <optional>
#include <string>

namespace synod::bench {

/// One client's. It sends what it is given, in order, and tells its owner what becomes of that, in the thread of the load.
class connection {
public:
  using clock = std::chrono::steady_clock;

  struct sent {
    bool read;
    clock::time_point due;
  };

  class owner {
  public:
    virtual ~owner() = default;
    /// For the first time, or again.
    virtual void on_connected(connection& x) = 0;
    /// Of an error its text.
    virtual void on_answered(bool read, clock::time_point due, const std::optional<std::string>& error) = 0;
    /// All that came was told: there may be room for more.
    virtual void on_free(connection& x) = 0;
    /// It connects again, by itself, after a pause.
    virtual void on_lost(const std::string& why, const std::deque<sent>& unanswered) = 0;
    /// It could not connect, and tries again after a pause.
    virtual void on_unreachable(const std::string& why) = 0;
    /// There is no sense in going on.
    virtual void fail(const std::string& why) = 0;
  };

  virtual ~connection() = default;

  virtual void connect() = 0;
  virtual bool connected() const = 0;
  /// To be sent with the next `flush`.
  virtual void append(const command& x, clock::time_point due) = 0;
  virtual void flush() = 0;
  virtual size_t under_way() const = 0;
  /// What was sent and not answered.
  virtual std::deque<sent> unanswered() const = 0;
  /// For good.
  virtual void close() = 0;
};

} // namespace synod::bench
