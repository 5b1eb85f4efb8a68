// The interface of a state machine, the built-in one and a user's.
#pragma once

#include "synod/messages/client.capnp.h"
#include "synod/messages/message.hpp"
#include "synod/messages/operations.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synod {

/// How many bytes an answer may have. What goes beyond is left out, so that no answer grows without bound while it is written;
/// who gave the room looks whether that happened, and answers with an error instead.
class reply_room {
public:
  explicit reply_room(size_t bytes) : limit_{bytes} {}

  /// False: there is no room for so much, nor for anything after it.
  bool take(size_t bytes) {
    taken_ += bytes;
    return taken_ <= limit_;
  }
  bool exceeded() const { return taken_ > limit_; }
  /// Of what was written and of what was left out.
  size_t taken() const { return taken_; }

private:
  size_t limit_;
  size_t taken_ = 0;
};

/// Largest answer to a command, or to a transaction: with what a message has beside it, less than a message may have.
constexpr size_t reply_limit_bytes = 60u << 20;

/// Where a state machine writes the answer to one command. Each answer is written
/// once; none at all is nil. On replicas that nobody waits at, writing does nothing.
class reply {
public:
  reply() = default;
  explicit reply(schema::Reply::Builder target) : target_{target} {}
  /// `room`, which outlives it, is shared by all elements of the answer.
  reply(schema::Reply::Builder target, reply_room& room) : target_{target}, room_{&room} {}

  void nil() {
    if (target_)
      target_->setNil();
  }
  void status(const char* text) {
    if (fits(std::char_traits<char>::length(text)))
      target_->setStatus(text);
  }
  /// An error as clients see it, with its code first: "ERR no such account".
  void error(const std::string& text) {
    if (fits(text.size()))
      target_->setError(text.c_str());
  }
  void integer(int64_t number) {
    if (target_)
      target_->setInteger(number);
  }
  void bulk(std::string_view bytes) {
    if (fits(bytes.size()))
      target_->setBulk(as_data(bytes));
  }
  void no_array() {
    if (target_)
      target_->setNoArray();
  }
  /// Gives the same answer as `other`.
  void copy(schema::Reply::Reader other);
  /// Begins a list of `size` replies; `element` gives each.
  void array(size_t size) {
    if (fits(size * element_bytes))
      elements_ = target_->initArray(static_cast<unsigned>(size));
  }
  reply element(size_t index) { return elements_ ? reply{(*elements_)[static_cast<unsigned>(index)], room_} : reply{}; }

  /// False where nobody will read it.
  bool wanted() const { return target_ && !(room_ && room_->exceeded()); }

private:
  static constexpr size_t element_bytes = 24; // in its list
  static constexpr size_t text_bytes = 16;    // beside a text: its end, and up to a whole word

  reply(schema::Reply::Builder target, reply_room* room) : target_{target}, room_{room} {}

  bool fits(size_t bytes) { return target_ && (!room_ || room_->take(text_bytes + bytes)); }

  std::optional<schema::Reply::Builder> target_;
  std::optional<capnp::List<schema::Reply>::Builder> elements_;
  reply_room* room_ = nullptr; // null: there is no limit
};

/// How a command is treated before it reaches the state machine.
struct command_spec {
  enum kind : uint8_t {
    read,  ///< changes nothing: answered by `query`, takes no slot
    write, ///< answered by `apply`
    timed, ///< changes nothing but needs the log time to be now: decided like a write
  };
  const char* name; ///< in lower case
  int arity;        ///< number of arguments with the name; negative: at least so many
  kind access;
  int first_key = 0; ///< index of the first argument that is a key; 0: none
  int last_key = 0;  ///< of the last one; negative: counted from the end
  int key_step = 0;
  const char* group = "generic";
  const char* since = "1.0.0";
  const char* summary = "";
};

/// A state machine's state at one moment, told piece by piece while the state machine goes on. Used by the thread that uses the
/// state machine, and gone before that.
class snapshot_source {
public:
  virtual ~snapshot_source() = default;
  /// The next piece, in the state machine's own format; better about `snapshot_piece_bytes` than more. Empty: there is no more.
  /// Valid until the next call.
  virtual std::string_view next() = 0;
  /// Bytes that are in memory only because the state machine has changed what they tell of since that moment. The snapshot is
  /// given up when they grow too many.
  virtual size_t held_bytes() const { return 0; }
};

/// Each piece holds up the state machine for as long as it takes to tell it.
constexpr size_t snapshot_piece_bytes = 256u << 10;

/// What the replicas replicate. Deterministic: the outcome of `apply` depends only on
/// the state, the arguments and the log time, never on a clock, an address or an order
/// of hashing that differs between hosts. Used by one thread at a time.
///
/// Batches are atomic: queries and snapshots never see the state within one.
class state_machine {
public:
  virtual ~state_machine() = default;

  /// The commands it understands, for gateways; the same for all its life.
  virtual std::span<const command_spec> commands() const = 0;

  /// A batch begins: log time, in milliseconds since 1970, has moved on to `now`; it
  /// never goes back. `sequence` numbers the batches (their slot).
  virtual void begin_batch(int64_t now, uint64_t sequence) {
    (void) now;
    (void) sequence;
  }

  /// These commands are likely to be performed or answered soon, in this order, `most_foreseen` of them at most; not those within
  /// transactions. Whatever they need can be brought near together, where one after the other each would wait for memory. Changes
  /// nothing and does not throw, whatever they are: one may have no arguments, or never be performed.
  virtual void foresee(std::span<const arguments> commands) const { (void) commands; }
  static constexpr size_t most_foreseen = 16;

  /// Performs one decided command and answers it. Must not throw.
  virtual void apply(arguments command, reply answer) = 0;

  /// Answers a command of kind `read` from the present state.
  virtual void query(arguments command, reply answer) const = 0;

  /// The version of a key, for watched transactions: differs whenever the key may have changed in between, also for one that
  /// is absent again.
  virtual uint64_t version(std::string_view key) const {
    (void) key;
    return 0;
  }

  /// When log time next has to move on by itself (an expiry), if ever.
  virtual std::optional<int64_t> next_deadline() const { return std::nullopt; }

  /// Writes the whole state, in pieces of the state machine's own format. The same state is to be written in the same way,
  /// however it was come to: the simulator compares states by it.
  virtual void snapshot(const std::function<void(std::string_view piece)>& write) const = 0;

  /// The state as it is now, told while commands go on: one at a time. Unless a state machine has a better way, this takes all
  /// that `snapshot` writes, at once: the state machine stops for it, and the pieces are in memory together until they are told.
  virtual std::unique_ptr<snapshot_source> begin_snapshot();

  /// Replaces the state by what `snapshot` wrote, or a snapshot source told; `read` gives the pieces in order, an empty one at
  /// the end. Returns what is wrong with them, or nothing. It may be called in another thread than the rest, before it.
  virtual std::optional<std::string> restore(const std::function<std::string()>& read) = 0;
};

} // namespace synod
