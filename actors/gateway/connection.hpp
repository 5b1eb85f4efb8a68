// One client's conversation: bytes in and commands out, results in and bytes out. No sockets.
#pragma once

#include "synod/actors/gateway/local_commands.hpp"
#include "synod/actors/gateway/resp.hpp"
#include "synod/actors/gateway/services.hpp"

#include <cstdint>
#include <deque>
#include <string>

namespace synod {

/// Parses a client's commands, hands them on, and writes the replies in the order of the commands.
///
/// Order: a read is submitted as such only while no command to be decided is under way, otherwise
/// as a command behind those; a command waits while reads are under way. So each sees what came
/// before it in the connection, and nothing that came after.
///
/// Bounds: the parser's, and the transaction's; `room` of replies that wait, at the socket, here, or for an earlier one, and one
/// more: above it no command is begun, a read whose reply comes nevertheless is asked again when it has room, with those behind
/// it, and of a command that was decided only that is told. No more commands are under way than would, at the size of the latest
/// replies, bring `pending_limit_bytes`: `first_pending` for a new connection, `most_pending` at most.
class connection {
public:
  using time_point = client_state::time_point;

  static constexpr size_t first_pending = 64;
  static constexpr size_t most_pending = 4096;
  static constexpr size_t pending_limit_bytes = 4u << 20;
  /// So many reads go behind commands that are under way, as commands themselves, while replies are large or their sizes not
  /// known: these cannot be asked again.
  static constexpr size_t few_pending = 8;

  /// For replies that wait.
  struct room {
    size_t limit_bytes;
    size_t unsent_bytes; ///< wait already, at the socket
    bool for_any;        ///< while none waits, for one of any size
  };

  struct address {
    std::string remote;
    std::string local;
  };

  connection(uint64_t id, address where, resp::limits limits, time_point now, gateway_services& services);

  /// Bytes from the client.
  void receive(std::string_view bytes, time_point now);
  /// No more will come: what came is answered, then the connection is finished.
  void end_input() { input_ended_ = true; }
  /// Goes on with what is buffered: room came up. False: there was nothing to go on with, or it has to wait.
  bool resume();
  /// Answers the command that could not be submitted for too long.
  void give_up(const char* error);
  /// The reply to a submitted command; one that was answered already is passed over.
  void deliver(uint64_t ticket, schema::Reply::Reader reply);
  /// The same for one that was submitted as a read, with what it asked.
  void deliver_read(uint64_t ticket, arguments asked, schema::Reply::Reader reply);
  void deliver_error(uint64_t ticket, std::string_view text);

  /// Bytes for the client; the caller takes them away.
  std::string& output() { return output_; }
  void set_room(room x) { room_ = x; }
  /// True when the client has to read before anything more is begun for it.
  bool out_of_room() const {
    return room_.unsent_bytes + output_.size() + held_bytes_ > room_.limit_bytes || postponed_from_ != 0;
  }
  /// Some reads are to be asked again, and nothing that the client could read waits.
  bool waits_for_room_for_one() const { return postponed_from_ != 0 && room_.unsent_bytes + output_.size() == 0; }
  /// A read is under way that was asked again because there is room for any one reply: it is to be there when that comes.
  bool takes_any() const { return any_ != 0; }
  /// True when nothing more is to be read for now.
  bool blocked() const { return blocked_ || pending_.size() >= pending_limit_ || out_of_room(); }
  /// That wait here: replies, and reads that are to be asked again.
  size_t waiting_bytes() const { return output_.size() + held_bytes_ + postponed_bytes_; }
  /// True while the next command could not be submitted for want of room.
  bool waits_for_room() const { return waits_for_room_; }
  /// True when the connection is to be closed once `output` is sent and nothing is pending.
  bool closing() const { return closing_; }
  bool finished() const {
    auto all_read = input_ended_ && all_parsed_ && !have_command_ && !blocked();
    return (closing_ || all_read) && pending_.empty();
  }
  const std::string& remote() const { return client_.remote_address; }
  client_view view() const {
    return {client_, transaction_, parser_.buffered_bytes() + backlog_.size(), output_.size() + held_bytes_};
  }

  time_point used() const { return client_.used; }
  /// The client has read something.
  void note_used(time_point now) { client_.used = now; }
  size_t pending() const { return pending_.size(); }

private:
  enum class kind : uint8_t { local, simple, info, versions, transaction };

  struct pending_reply {
    uint64_t ticket;
    kind what;
    int version;  // of the protocol, when the command came
    bool as_read; // not decided
    bool silent;  // CLIENT REPLY: it is left out
    bool done = false;
    std::string bytes;    // of the reply; of INFO that waits, the gateway's part; while it is postponed, of the command
    size_t postponed = 0; // of a read whose reply there was no room for: the size of that

    bool may_be_asked_again() const { return what == kind::simple && as_read && !silent; }
  };

  bool process();
  bool take_command();
  // False: the command could not be submitted yet.
  bool dispatch(arguments args);
  bool perform(const gateway_command& command, arguments args);
  void refuse(const gateway_command* command, std::string_view error);
  void end_command();
  bool submit(arguments args, const gateway_command& command);
  bool watch(arguments keys);
  bool exec();
  bool wait_for_room();
  void queue(arguments args, const gateway_command& command);
  void answer_locally(const gateway_command& command, arguments args);
  void perform_locally(const gateway_command& command, arguments args, resp::writer out);

  ticket next_ticket() const { return {client_.id, next_ticket_}; }
  void begin_pending(kind what, bool as_read);
  pending_reply* waiting_for(uint64_t ticket);
  bool fits(size_t bytes, size_t waiting) const;
  bool has_room_for(size_t bytes, size_t waiting) const;
  bool has_room_for(const pending_reply& x, size_t bytes) const;
  void leave_out(pending_reply& x, schema::Reply::Reader reply);
  void ask_postponed();
  void write_reply(pending_reply& x, schema::Reply::Reader reply);
  void end_pending(pending_reply& x, std::string bytes);
  void note_reply_size(size_t bytes);
  std::string exec_reply(schema::Reply::Reader reply, int version);
  void say(std::string bytes);
  void say_error(std::string_view text);
  void say_status(std::string_view text);
  /// For a reply of the gateway's own: so much of it as a reply may have.
  resp::writer writer_to(std::string& out) const { return {out, client_.version, reply_limit_bytes}; }
  static resp::writer writer_to(std::string& out, const pending_reply& x) { return {out, x.version}; }

  client_state client_;
  gateway_services& services_;
  resp::parser parser_;
  std::string backlog_; // came while a parsed command waits
  transaction transaction_;
  std::string output_;

  std::deque<pending_reply> pending_; // tickets without a gap
  size_t held_bytes_ = 0;             // of those that are done, and wait for the ones before them
  room room_{1u << 20, 0, true};
  uint64_t postponed_from_ = 0; // the first read that is to be asked again; 0: none
  size_t postponed_bytes_ = 0;  // of those
  uint64_t any_ = 0;            // the read that was asked again though its reply is larger than the room; 0: none
  size_t asked_ = 0;            // reads that will be answered
  size_t pending_limit_ = first_pending;
  size_t reply_bytes_ = pending_limit_bytes / first_pending; // smoothed
  uint64_t next_ticket_ = 1;
  size_t reads_under_way_ = 0;
  size_t decided_under_way_ = 0; // and versions and transactions

  bool have_command_ = false; // parsed, not yet dispatched
  bool blocked_ = false;      // it could not be submitted
  bool waits_for_room_ = false;
  bool closing_ = false;
  bool all_parsed_ = true; // of what came, but for the beginning of a command
  bool input_ended_ = false;
  bool processing_ = false;
};

} // namespace synod
