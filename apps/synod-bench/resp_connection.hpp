// A connection to a server that speaks the Redis protocol.
#pragma once

#include "connection.hpp"

#include <hiredis/read.h>
#include <sys/socket.h>
#include <uv.h>

#include <vector>

namespace synod::bench {

/// On a libuv loop. One that is lost is made again after a pause, until it is closed.
class resp_connection : public connection {
public:
  /// `name` is told to the user; `buffer`, which all share, is read into.
  resp_connection(owner& of, uv_loop_t& loop, std::vector<char>& buffer, std::string name, const sockaddr_storage& to);
  ~resp_connection() override;
  resp_connection(const resp_connection&) = delete;
  resp_connection& operator=(const resp_connection&) = delete;

  void connect() override;
  bool connected() const override { return connected_; }
  void append(const command& x, clock::time_point due) override;
  void flush() override;
  size_t under_way() const override { return under_way_.size(); }
  std::deque<sent> unanswered() const override { return under_way_; }
  void close() override;

private:
  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&socket_); }
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&socket_); }
  void on_connected(int status);
  void on_bytes(const char* bytes, size_t size);
  void lose(const std::string& why);
  void connect_later();

  owner& owner_;
  uv_loop_t& loop_;
  std::vector<char>& buffer_;
  std::string name_;
  sockaddr_storage to_;
  uv_tcp_t socket_{};
  uv_connect_t connecting_{};
  uv_write_t write_{};
  uv_timer_t again_{};
  redisReader* reader_ = nullptr;
  std::optional<std::string> error_; // of the reply that is being read
  std::deque<sent> under_way_;       // in the order of their replies
  std::string next_out_;             // to be sent
  std::string out_;                  // being written
  bool writing_ = false;
  bool connected_ = false;
  bool closed_ = false;
};

} // namespace synod::bench
