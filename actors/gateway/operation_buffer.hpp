// Commands that wait to be sent to the replica in one message.
#pragma once

#include "synod/actors/gateway/transaction.hpp"
#include "synod/messages/message.hpp"
#include "synod/messages/operations.hpp"

#include <vector>

namespace synod {

/// Packs operations as they come, and cuts requests, or queries, of them, each of `full_bytes` and one operation at most. Keeps
/// its storage, so that in the steady state a command costs no allocation.
class operation_buffer {
public:
  static constexpr size_t full_bytes = 512u << 10;
  static constexpr size_t full_count = 4096;

  void add(arguments args);
  void add_versions(arguments keys);
  void add_transaction(const transaction& whole);
  void add_keep_alive();
  void clear();
  /// The oldest one will not be sent. Not called when it is empty.
  void drop();

  size_t size() const { return sizes_.size() - taken_.count; }
  bool empty() const { return size() == 0; }
  /// What they take in messages.
  size_t bytes() const { return packed_.size_bytes() - taken_.bytes; }
  /// What they take in memory, with taken ones in front: not much more than twice `bytes()`.
  size_t held_bytes() const { return packed_.size_bytes(); }
  /// Enough for a message.
  bool full() const { return bytes() >= full_bytes || size() >= full_count; }

  /// Takes out as many as make a message, the oldest first. Not called when it is empty.
  message<schema::Request> take_request(uint64_t session, uint64_t first_cid);
  message<schema::Query> take_query(uint64_t number);

private:
  using extent = operation_writer::extent;

  template <class Pack>
  void add_packed(Pack pack);
  extent next_message() const;
  void took(extent part);
  void cut_off();

  operation_writer packed_;
  std::vector<size_t> sizes_; // of each, in bytes
  extent taken_{};            // so much, in front
};

} // namespace synod
