// Replies to a run of commands, in messages of bounded size.
#pragma once

#include "synod/actors/role/state_machine.hpp"
#include "synod/actors/role/upheld.hpp"
#include "synod/messages/message.hpp"

#include <algorithm>
#include <memory>

namespace synod {

/// Replies to a session's commands, <session, first_cid + i>.
struct commands_format {
  using schema = synod::schema::Responses;
  static constexpr const char* too_large = "ERR the command was performed, its reply is larger than the limit of 60 MiB";
  /// What is answered where the client has no room; null: it is answered nevertheless.
  static constexpr const char* no_room = "ERR the command was performed, its reply was not kept: its client takes in too little";

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
  static constexpr const char* too_large = "ERR the reply is larger than the limit of 60 MiB";
  static constexpr const char* no_room = nullptr; // Who reads waits for room, a message's worth at a time.

  uint64_t number;
  void begin(schema::Builder part, unsigned first) const {
    part.setNumber(number);
    part.setFirst(first);
  }
};

/// Where the messages go that replies are written into.
template <class Format>
class reply_sink {
public:
  virtual ~reply_sink() = default;
  /// Whether the client has room for another message of replies.
  virtual bool has_room() = 0;
  /// Sends the message, in any case; puts the mark of flow control into it.
  virtual void send(builder<typename Format::schema>& part) = 0;
};

/// Collects the replies to consecutive operations and sends them in messages of at most
/// `most_replies` and, but for a single larger reply, about `full_bytes`.
///
/// A reply that is larger than `reply_limit_bytes`, and the replies of a message for which a command's client has no room, are
/// replaced by errors that say so.
template <class Format>
class response_writer {
public:
  static constexpr unsigned most_replies = 1024;
  static constexpr size_t full_bytes = 1u << 20;

  /// Replies to `count` operations; the first of them is the one at `first` of what was asked.
  response_writer(Format format, unsigned first, unsigned count, reply_sink<Format>& sink)
    : format_{format}, first_{first}, left_{count}, sink_{sink} {}

  /// The next reply begins a message.
  bool at_boundary() {
    leave_out_if_too_large();
    return !built_ || used_ == replies_.size() || bytes() >= full_bytes;
  }

  /// Where the reply to the next command goes; valid until the next call.
  reply next() {
    if (at_boundary())
      begin();
    room_ = reply_room{reply_limit_bytes};
    return reply{replies_[used_++], room_};
  }

  /// Sends what is left.
  void finish() {
    if (!built_)
      return;
    leave_out_if_too_large();
    upheld(bytes() + sizeof(capnp::word) <= message_limit_bytes, "reply", "{} replies take {} bytes", used_, bytes());
    (*built_)->setAnswered(used_);
    if (Format::no_room && !sink_.has_room())
      refuse(Format::no_room);
    else
      sink_.send(*built_);
    built_.reset();
    first_ += used_;
    left_ -= used_;
  }

private:
  using message_builder = builder<typename Format::schema>;

  static constexpr size_t expected_reply_bytes = 48;
  static constexpr size_t refusal_bytes = 128; // of one reply

  size_t bytes() { return built_->sizeInWords() * sizeof(capnp::word); }

  void begin() {
    finish();
    init(std::min(left_, most_replies));
    used_ = 0;
  }

  void init(unsigned count) {
    built_ = std::make_unique<message_builder>(64 + expected_reply_bytes * count);
    format_.begin(**built_, first_);
    replies_ = (*built_)->initReplies(count);
  }

  /// What there is of the last reply would stay in its message, so another one is begun, with those before it.
  void leave_out_if_too_large() {
    if (!room_.exceeded())
      return;
    room_ = reply_room{reply_limit_bytes};
    auto with_it = std::move(built_);
    auto before = replies_;
    init(before.size());
    for (unsigned i = 0; i + 1 < used_; ++i)
      replies_.setWithCaveats(i, before[i].asReader());
    replies_[used_ - 1].setError(Format::too_large);
  }

  void refuse(const char* why) {
    message_builder refusal{64 + refusal_bytes * used_};
    format_.begin(*refusal, first_);
    refusal->setAnswered(used_);
    for (auto each : refusal->initReplies(used_))
      each.setError(why);
    sink_.send(refusal);
  }

  Format format_;
  unsigned first_; // of the part under way
  unsigned left_;
  reply_sink<Format>& sink_;
  std::unique_ptr<message_builder> built_;
  capnp::List<schema::Reply>::Builder replies_;
  unsigned used_ = 0;
  reply_room room_{reply_limit_bytes}; // of the last reply
};

} // namespace synod
