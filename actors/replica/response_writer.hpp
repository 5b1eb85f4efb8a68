// Replies to a run of commands, in messages of bounded size.
#pragma once

#include "synod/actors/replica/state_machine.hpp"
#include "synod/messages/message.hpp"

#include <algorithm>
#include <functional>
#include <optional>

namespace synod {

/// Collects the replies to commands with consecutive cids and sends them in messages of at most
/// `most_replies` and, but for a single larger reply, about `full_bytes`.
class response_writer {
public:
  static constexpr unsigned most_replies = 1024;
  static constexpr size_t full_bytes = 1u << 20;

  using sender = std::function<void(message<schema::Responses>)>;

  response_writer(uint64_t session, uint64_t first_cid, unsigned count, sender send)
    : session_{session}, cid_{first_cid}, left_{count}, send_{std::move(send)} {}

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
    cid_ += used_;
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
    (*built_)->setSession(session_);
    (*built_)->setFirstCid(cid_);
    replies_ = (*built_)->initReplies(count);
    used_ = 0;
  }

  /// Only a single reply can be that large, the last one of its message: those before it share its fate.
  void send_too_large() {
    builder<schema::Responses> refusal{64 + 128 * used_};
    refusal->setSession(session_);
    refusal->setFirstCid(cid_ - used_);
    refusal->setAnswered(used_);
    for (auto each : refusal->initReplies(used_))
      each.setError("ERR the command was performed, its reply is larger than the limit of 64 MiB");
    send_(refusal.finish());
  }

  uint64_t session_;
  uint64_t cid_;
  unsigned left_;
  sender send_;
  std::optional<builder<schema::Responses>> built_;
  capnp::List<schema::Reply>::Builder replies_;
  unsigned used_ = 0;
};

} // namespace synod
