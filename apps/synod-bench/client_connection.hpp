// A client actor of this process, in place of a connection.
#pragma once

#include "connection.hpp"
#include "stages.hpp"

#include "synod/actors/client/client.hpp"

#include <uv.h>

#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

namespace synod::bench {

class client_connection;

/// Asks client actors on behalf of the connections, whose thread is the one of a libuv loop, and brings the answers there.
class asking {
public:
  /// `watch`: is told of answers to writes; null: nobody is.
  asking(uv_loop_t& loop, caf::actor_system& system, stages* watch);
  ~asking();
  asking(const asking&) = delete;
  asking& operator=(const asking&) = delete;

  /// Returns the number with which the answer comes.
  uint64_t ask(client_connection& by, const session_actor& to, bool read, const operation_writer& operations);
  /// The loop may end.
  void close();

private:
  class user;
  struct inbox;

  void on_wake();

  uv_async_t wake_{};
  std::shared_ptr<inbox> inbox_;
  caf::actor user_; // who asks
  std::unordered_map<uint64_t, client_connection*> asked_;
  uint64_t last_ = 0;
};

/// What is sent together is one request, and one query.
class client_connection : public connection {
public:
  client_connection(owner& of, asking& by, session_actor to) : owner_{of}, asking_{by}, to_{std::move(to)} {}

  void connect() override;
  bool connected() const override { return connected_; }
  void append(const command& x, clock::time_point due) override;
  void flush() override;
  size_t under_way() const override { return under_way_; }
  std::deque<sent> unanswered() const override;
  void close() override { connected_ = false; }

  void on_answer(uint64_t number, const caf::message& content);
  void on_free() { owner_.on_free(*this); }

private:
  struct batch {
    operation_writer operations{};
    std::vector<clock::time_point> due{};
  };
  struct asked {
    bool read;
    std::vector<clock::time_point> due; // of each
  };

  void send(bool read, batch& what);

  owner& owner_;
  asking& asking_;
  session_actor to_;
  bool connected_ = false;
  batch reads_, writes_; // to be sent
  std::map<uint64_t, asked> asked_;
  size_t under_way_ = 0;
};

} // namespace synod::bench
