// A connection with another process of the cluster.
#pragma once

#include "synod/actors/node/frames.hpp"
#include "synod/actors/node/loop_scheduler.hpp"

#include <absl/container/flat_hash_map.h>
#include <caf/all.hpp>

#include <uv.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace synod {

/// Carries messages between actors of two processes, in the loop of each: what an actor sends goes into a buffer, which leaves at
/// the end of the loop's turn, all in one piece. An actor of the other process is a proxy here, which ends when that actor or the
/// link does (exit_reason::remote_link_unreachable); what is sent to it then is lost, and a request is answered with
/// sec::request_receiver_down.
///
/// Bounds: a frame is no longer than `frames::longest`, and takes memory as it comes; `most_unsent` bytes that the other end does
/// not take end the link, as does a process that is silent for `longest_silence` (each says something every `heartbeat`), names
/// more than `most_handles` actors, or sends what cannot be read. A turn reads `turn_bytes` at most.
///
/// It is not encrypted, and believes the other end what it is told; who that is was proven before (admission.hpp).
class remote_link : public loop_resident, public std::enable_shared_from_this<remote_link>, private frame_events {
public:
  static constexpr size_t most_unsent = 256u << 20;
  static constexpr size_t most_handles = 64u << 10;
  static constexpr size_t turn_bytes = 1u << 20;
  static constexpr std::chrono::milliseconds heartbeat{500};
  static constexpr std::chrono::seconds longest_silence{20};

  using when_up = std::function<void(const caf::strong_actor_ptr& other)>;

  /// Takes a connected socket; from any thread. `shown`: what the other end connects with; may be null. `up`: called in the loop,
  /// once, with what it shows; null: that is nothing, or the link has ended before.
  static std::shared_ptr<remote_link> open(caf::actor_system& system, int socket, caf::strong_actor_ptr shown, when_up up);
  ~remote_link() override;

  // From any thread:
  bool is_open() const { return !ended_; }
  void close();

private:
  class proxy;
  class end_of_actor;

  remote_link(caf::actor_system& system, int socket, caf::strong_actor_ptr shown, when_up up);
  void begin();
  void end(const std::string& why);
  void on_closed();

  void send(uint64_t to, const caf::mailbox_element& what);
  void refuse(const caf::strong_actor_ptr& sender, caf::message_id number);
  void flush();
  void on_written(int status);
  void on_heartbeat();
  uint64_t handle_of(const caf::strong_actor_ptr& actor);
  void on_own_ended(uint64_t handle, const caf::error& reason);
  caf::strong_actor_ptr own_actor(uint64_t handle) const;

  uv_buf_t room();
  void on_read(ssize_t size);
  bool read_frames();
  void make_room();

  void on_turn_end() override;
  void on_loop_end() override { end({}); }
  void on_shown(uint64_t handle) override;
  void on_message(uint64_t to, uint64_t from, caf::message_id number, caf::message content) override;
  void on_unknown(uint64_t from, caf::message_id number) override;
  void on_ended(uint64_t handle, caf::error reason) override;
  caf::strong_actor_ptr actor_of(uint64_t handle) override;

  caf::actor_system& system_;
  loop_scheduler& loop_;
  int socket_; // until the loop has it
  caf::strong_actor_ptr shown_;
  when_up up_; // until it was called
  uv_tcp_t stream_;
  uv_timer_t timer_;
  uv_write_t writing_;
  int open_handles_ = 0;
  std::atomic<bool> ended_ = false;

  // out
  frame_writer out_;
  std::vector<char> late_;                                                        // what the socket did not take at once
  bool is_writing_ = false;                                                       // `late_`
  bool has_written_ = false;                                                      // since the last heartbeat
  absl::flat_hash_map<uint64_t, caf::weak_actor_ptr> own_;                        // actors here that the other end knows
  absl::flat_hash_map<const caf::actor_control_block*, uint64_t> handles_of_own_; // kept by the above from being used again
  uint64_t last_handle_ = 0;

  // in
  frame_reader reader_;
  std::unique_ptr<char[]> in_;
  size_t in_size_ = 0;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  size_t turn_left_ = turn_bytes;
  int silent_for_ = 0; // heartbeats
  caf::node_id node_;  // of the proxies
  absl::flat_hash_map<uint64_t, caf::strong_actor_ptr> proxies_;
};

} // namespace synod
