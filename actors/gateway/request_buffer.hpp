// Commands that came in one turn of the event loop, to be sent as one message.
#pragma once

#include "synod/actors/gateway/connection.hpp"
#include "synod/messages/message.hpp"

#include <string>
#include <vector>

namespace synod {

/// Collects commands and builds one request, or one query, of them. Keeps its storage, so that in the
/// steady state a command costs no allocation.
class request_buffer {
public:
  static constexpr size_t full_bytes = 256u << 10;
  static constexpr size_t full_count = 4096;

  void add(arguments args);
  void add_versions(arguments keys);
  void add_transaction(std::vector<std::vector<std::string>> commands, std::vector<std::pair<std::string, uint64_t>> watched);
  void add_keep_alive();

  size_t size() const { return operations_.size(); }
  size_t bytes() const { return bytes_.size() + 64 * operations_.size(); }
  bool empty() const { return operations_.empty(); }
  bool full() const { return bytes_.size() >= full_bytes || operations_.size() >= full_count; }

  /// Hands over what was collected.
  message<schema::Request> take_request(uint64_t session, uint64_t first_cid);
  message<schema::Query> take_query(uint64_t number);

private:
  enum class kind : uint8_t { arguments, versions, transaction, keep_alive };

  struct operation {
    kind what;
    uint32_t first = 0; // of its spans, or its place in transactions_
    uint32_t count = 0;
  };

  struct transaction {
    std::vector<std::vector<std::string>> commands;
    std::vector<std::pair<std::string, uint64_t>> watched;
  };

  void add_list(kind what, arguments list);
  size_t expected_bytes() const;
  void write(capnp::List<schema::Operation>::Builder list);
  void write(schema::Operation::Builder target, const operation& source);

  std::vector<operation> operations_;
  std::vector<std::pair<size_t, size_t>> spans_; // offset and size in bytes_
  std::string bytes_;
  std::vector<transaction> transactions_;
};

} // namespace synod
