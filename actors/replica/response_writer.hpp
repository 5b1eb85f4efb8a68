// Replies to a run of commands, in messages of bounded size.
#pragma once

#include "synod/actors/role/state_machine.hpp"
#include "synod/messages/message.hpp"

#include <algorithm>
#include <functional>
#include <optional>

namespace synod {

/// Replies to a session's commands, <session, first_cid + i>.
struct commands_format {
  using schema = synod::schema::Responses;
  uint64_t session;
  uint64_t first_cid;
  void begin(schema::Builder part, unsigned first) const {
    part.setSession(session);
    part.setFirstCid(first_cid + first);
  }
};

/// Replies to the operations of a query.
struct query_format {
  using schema = synod::schema::Answers;
  uint64_t number;
  void begin(schema::Builder part, unsigned first) const {
    part.setNumber(number);
    part.setFirst(first);
  }
};

/// Collects the replies to consecutive operations and sends them in messages of at most
/// `most_replies` and, but for a single larger reply, about `full_bytes`.
template <class Format>
class response_writer {
public:
  static constexpr unsigned most_replies = 1024;
  static constexpr size_t full_bytes = 1u << 20;

  using sender = std::function<void(message<typename Format::schema>)>;

  response_writer(Format format, unsigned count, sender send) : format_{format}, left_{count}, send_{std::move(send)} {}

  /// Where the reply to the next command goes; valid until the next call.
  reply next() {
    if (!built_ || used_ == replies_.size() || built_->sizeInWords() * sizeof(capnp::word) >= full_bytes)
      begin();
    return reply{replies_[used_++]};
  }

  /// Sends what is left.
  void finish() {
    if (!built_)
      return;
    (*built_)->setAnswered(used_);
    auto message = built_->finish();
    built_.reset();
    first_ += used_;
    left_ -= used_;
    if (message.size_bytes() <= message_limit_bytes)
      return send_(std::move(message));
    send_too_large();
  }

private:
  static constexpr size_t expected_reply_bytes = 48;

  void begin() {
    finish();
    auto count = std::min(left_, most_replies);
    built_.emplace(64 + expected_reply_bytes * count);
    format_.begin(**built_, first_);
    replies_ = (*built_)->initReplies(count);
    used_ = 0;
  }

  /// Only a single reply can be that large, the last one of its message: those before it share its fate.
  void send_too_large() {
    builder<typename Format::schema> refusal{64 + 128 * used_};
    format_.begin(*refusal, first_ - used_);
    refusal->setAnswered(used_);
    for (auto each : refusal->initReplies(used_))
      each.setError("ERR the command was performed, its reply is larger than the limit of 64 MiB");
    send_(refusal.finish());
  }

  Format format_;
  unsigned first_ = 0; // of the part under way
  unsigned left_;
  sender send_;
  std::optional<builder<typename Format::schema>> built_;
  capnp::List<schema::Reply>::Builder replies_;
  unsigned used_ = 0;
};

} // namespace synod
