// Commands that wait to be sent to the replica in one message.
#pragma once

#include "synod/actors/gateway/transaction.hpp"
#include "synod/messages/message.hpp"

#include <string>
#include <vector>

namespace synod {

/// Collects operations and builds requests, or queries, of them, each of `full_bytes` and one operation at most. Keeps its
/// storage, so that in the steady state a command costs no allocation.
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

  size_t size() const { return operations_.size() - taken_; }
  bool empty() const { return size() == 0; }
  /// What they take in messages, at most.
  size_t bytes() const { return bytes_; }
  /// Their texts in memory, with those of taken ones in front: not much more than twice `bytes()`.
  size_t held_bytes() const { return text_.size(); }
  /// Enough for a message.
  bool full() const { return bytes_ >= full_bytes || size() >= full_count; }

  /// Takes out as many as make a message, the oldest first. Not called when it is empty.
  message<schema::Request> take_request(uint64_t session, uint64_t first_cid);
  message<schema::Query> take_query(uint64_t number);

private:
  enum class kind : uint8_t { arguments, versions, transaction, keep_alive };

  struct operation {
    kind what;
    uint32_t lists = 0;   // so many lists of arguments: one, or those of a transaction's commands
    uint32_t watched = 0; // behind them, so many watched keys
    size_t bytes = 0;     // in a message, at most
  };

  struct span {
    size_t offset; // in text_
    size_t size;
  };

  template <class List>
  void add_list(const List& list);
  void add_span(std::string_view text);
  void took(const operation& x);
  void end_operation(kind what, uint32_t lists, uint32_t watched, size_t bytes_before);

  void cut_off();
  size_t count_for_message(size_t& bytes) const;
  void write(capnp::List<schema::Operation>::Builder list);
  void write(schema::Operation::Builder target, const operation& source);
  void write_list(capnp::List<capnp::Data>::Builder target);
  void write_transaction(schema::Operation::Transaction::Builder target, const operation& source);
  capnp::Data::Reader next_span();

  std::vector<operation> operations_;
  std::vector<uint32_t> list_sizes_;
  std::vector<span> spans_;
  std::vector<uint64_t> versions_; // of watched keys
  std::string text_;
  size_t bytes_ = 0;

  // Up to here they are taken.
  size_t taken_ = 0;
  size_t next_list_ = 0;
  size_t next_span_ = 0;
  size_t next_version_ = 0;
};

} // namespace synod
