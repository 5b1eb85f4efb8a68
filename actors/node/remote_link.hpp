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
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace synod {

/// Carries messages between actors of two processes, in the loop of each: what an actor sends goes into a buffer, which leaves at
/// the end of the loop's turn, all in one piece; decisions alone leave when the loop has nothing else to do, with the next other
/// message, or at most `most_turns` later. An actor of the other process is a proxy here, which ends when that actor or the
/// link does (exit_reason::remote_link_unreachable); what is sent to it then, or cannot travel, is lost, and a request is
/// answered with sec::request_receiver_down, as are those under way when the link ends.
///
/// Bounds: a frame is no longer than `frames::longest`, and takes memory as it comes; `most_unsent` bytes that the other end does
/// not take end the link, as does a process that is silent for `longest_silence` (each says something every `heartbeat`), names
/// more than `most_handles` actors, or sends what cannot be read. A turn reads `turn_bytes` at most, and `behind_bytes` while
/// actors here have more to do than they can in theirs. There are `most_links` in a process; one more ends at once. Of requests
/// `most_asked` are remembered until they are answered.
///
/// It is not encrypted, and believes the other end what it is told; who that is was proven before (admission.hpp).
class remote_link : public loop_resident, public std::enable_shared_from_this<remote_link>, private frame_events {
public:
  static constexpr size_t most_unsent = 256u << 20;
  static constexpr size_t most_handles = 64u << 10;
  static constexpr size_t most_links = 1000;
  static constexpr size_t most_asked = 64u << 10;
  static constexpr size_t turn_bytes = 1u << 20;
  static constexpr size_t behind_bytes = 64u << 10;
  static constexpr int most_turns = 8;
  static constexpr std::chrono::milliseconds heartbeat{500};
  static constexpr std::chrono::seconds longest_silence{20};

  using when_up = std::function<void(const caf::strong_actor_ptr& other)>;

  /// Takes a connected socket; from any thread. `shown`: what the other end connects with; may be null. `up`: called in the loop,
  /// once, with what it shows; null: that is nothing, or the link has ended before. Not called if the loop has ended.
  static std::shared_ptr<remote_link> open(caf::actor_system& system, int socket, caf::strong_actor_ptr shown, when_up up);
  ~remote_link() override;

  // From any thread:
  bool is_open() const { return !ended_; }
  void close();
  /// The link by which that actor is reached; none, for one of this process.
  static void close_of(const caf::strong_actor_ptr& actor);
  /// It was an actor of another process, and its link has ended.
  static bool is_gone(const caf::strong_actor_ptr& actor);
  /// In the loop: both are actors of one other process, reached by two links, or one.
  static bool same_process(const caf::strong_actor_ptr& one, const caf::strong_actor_ptr& other);

private:
  class proxy;
  class end_of_actor;

  remote_link(caf::actor_system& system, int socket, caf::strong_actor_ptr shown, when_up up);
  static remote_link* link_of(const caf::strong_actor_ptr& actor);
  void begin();
  void end(const std::string& why);
  void on_closed();

  void send(uint64_t to, const caf::mailbox_element& what);
  void tell_lost(const caf::error& why);
  void refuse(const caf::strong_actor_ptr& sender, caf::message_id number);
  void flush();
  void on_written(int status);
  void on_heartbeat();
  uint64_t handle_of(const caf::strong_actor_ptr& actor);
  void on_own_ended(uint64_t handle, const caf::error& reason);
  void write_ends();
  caf::strong_actor_ptr own_actor(uint64_t handle) const;

  uv_buf_t room();
  void on_read(ssize_t size);
  bool read_frames();
  void make_room();

  void on_turn_end() override;
  void on_loop_end() override { end({}); }
  void on_shown(uint64_t handle, uint64_t process) override;
  void on_message(uint64_t to, uint64_t from, caf::message_id number, caf::message content) override;
  void on_unknown(uint64_t to, uint64_t from, caf::message_id number) override;
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
  bool is_pressing_ = false;                                                      // something in `out_` is
  int turns_waited_ = 0;                                                          // in a row, of the loop
  bool has_written_ = false;                                                      // since the last heartbeat
  absl::flat_hash_map<uint64_t, caf::weak_actor_ptr> own_;                        // actors here that the other end knows
  absl::flat_hash_map<const caf::actor_control_block*, uint64_t> handles_of_own_; // kept by the above from being used again
  uint64_t last_handle_ = 0;
  std::set<std::string> lost_;                        // why messages were
  std::vector<std::pair<uint64_t, caf::error>> ends_; // of own ones, to be told behind what they have sent
  absl::flat_hash_map<std::pair<uint64_t, uint64_t>, caf::weak_actor_ptr> asked_; // by the asker's handle, number of the answer

  // in
  frame_reader reader_;
  std::unique_ptr<char[]> in_;
  size_t in_size_ = 0;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  size_t turn_left_ = turn_bytes;
  int silent_for_ = 0;   // heartbeats
  uint64_t process_ = 0; // the other one, as it says
  caf::node_id node_;    // of the proxies
  absl::flat_hash_map<uint64_t, caf::strong_actor_ptr> proxies_;
};

} // namespace synod
