// What comes back to a connection: replies, in the order of the commands, and no more of them than there is room for.
#include "synod/actors/gateway/connection.hpp"

#include "synod/actors/role/upheld.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace synod {

using resp::give_back;

namespace {

constexpr const char* reply_not_kept =
  "ERR the command was performed, its reply was not kept: more replies wait for this client than the gateway may keep";
constexpr const char* transaction_reply_too_large =
  "ERR the transaction was performed, its reply is larger than the limit of 60 MiB";

/// What a reply takes in RESP, about.
size_t size_of(schema::Reply::Reader reply) {
  constexpr size_t small = 32;
  if (reply.isBulk())
    return small + reply.getBulk().size();
  return reply.isArray() ? small + reply.totalSize().wordCount * sizeof(capnp::word) : small;
}

std::string pack(arguments args) {
  std::string packed;
  for (auto each : args) {
    uint64_t size = each.size();
    packed.append(reinterpret_cast<const char*>(&size), sizeof size).append(each);
  }
  return packed;
}

std::vector<std::string_view> unpack(std::string_view packed) {
  std::vector<std::string_view> args;
  for (uint64_t size = 0; !packed.empty(); packed.remove_prefix(size)) {
    std::memcpy(&size, packed.data(), sizeof size);
    packed.remove_prefix(sizeof size);
    args.push_back(packed.substr(0, size));
  }
  return args;
}

/// The gateway's part of INFO, and behind it the state machine's.
std::string whole_info(std::string text, schema::Reply::Reader of_machine) {
  if (of_machine.isBulk() && of_machine.getBulk().size() > 0)
    text.append(text.empty() ? "" : "\r\n").append(view(of_machine.getBulk()));
  return text;
}

} // namespace

// -- replies ------------------------------------------------------------------

void connection::begin_pending(kind what, bool as_read) {
  waits_for_room_ = false;
  pending_.push_back({next_ticket_++, what, client_.version, as_read, client_.silent(), false, {}});
  ++(as_read ? reads_under_way_ : decided_under_way_);
  asked_ += pending_.back().may_be_asked_again();
}

/// Null: it was answered already, or waits to be asked again.
connection::pending_reply* connection::waiting_for(uint64_t ticket) {
  if (pending_.empty() || ticket < pending_.front().ticket || ticket - pending_.front().ticket >= pending_.size())
    return nullptr;
  auto& x = pending_[ticket - pending_.front().ticket];
  return x.done || x.postponed > 0 ? nullptr : &x;
}

void connection::deliver(uint64_t ticket, schema::Reply::Reader reply) {
  auto* x = waiting_for(ticket);
  if (!x)
    return;
  if (x->what == kind::versions || x->silent || has_room_for(*x, size_of(reply)))
    write_reply(*x, reply);
  else
    leave_out(*x, reply);
}

void connection::deliver_read(uint64_t ticket, arguments asked, schema::Reply::Reader reply) {
  auto* x = waiting_for(ticket);
  if (!x)
    return;
  if (!x->may_be_asked_again())
    return write_reply(*x, reply);
  auto bytes = size_of(reply);
  any_ = any_ == ticket ? 0 : any_;
  auto behind_postponed = postponed_from_ != 0 && postponed_from_ < ticket;
  if (!behind_postponed && has_room_for(*x, bytes)) {
    --asked_;
    return write_reply(*x, reply);
  }
  // A later one that has its reply already must not have seen less than this one will.
  auto later = pending_.begin() + static_cast<ptrdiff_t>(ticket - pending_.front().ticket + 1);
  if (std::any_of(later, pending_.end(), [](auto& each) { return each.may_be_asked_again() && each.done; }))
    return deliver_error(ticket, reply_not_kept);
  x->postponed = bytes;
  x->bytes = pack(asked);
  postponed_bytes_ += x->bytes.size();
  --asked_;
  postponed_from_ = postponed_from_ == 0 ? ticket : std::min(postponed_from_, ticket);
  note_reply_size(bytes);
}

/// A small one always does: there are no more of them than commands may be under way.
bool connection::fits(size_t bytes, size_t waiting) const {
  constexpr size_t small = 256;
  return bytes <= small || room_.unsent_bytes + waiting + bytes <= room_.limit_bytes;
}

bool connection::has_room_for(size_t bytes, size_t waiting) const {
  return fits(bytes, waiting) || (room_.unsent_bytes + waiting == 0 && room_.for_any);
}

/// The first one goes to the client next, so only what waits in front of it counts.
bool connection::has_room_for(const pending_reply& x, size_t bytes) const {
  return has_room_for(bytes, output_.size() + (&x == &pending_.front() ? 0 : held_bytes_));
}

/// Of a command that was decided only that is told; what its transaction says about the connection holds.
void connection::leave_out(pending_reply& x, schema::Reply::Reader reply) {
  note_reply_size(size_of(reply));
  if (x.what == kind::transaction)
    exec_reply(reply, x.version);
  deliver_error(x.ticket, reply_not_kept);
}

/// As many as there is room for, when nothing of what was asked before is still to come: that would be older than what comes now.
/// So nothing but replies waits in front of the first.
void connection::ask_postponed() {
  if (postponed_from_ == 0 || asked_ > 0)
    return;
  auto waiting = output_.size();
  for (auto& x : pending_) {
    if (x.postponed == 0)
      continue;
    postponed_from_ = x.ticket;
    if (asked_ >= pending_limit_ || !has_room_for(x.postponed, waiting)
        || !services_.submit_read({client_.id, x.ticket}, unpack(x.bytes)))
      return;
    ++asked_;
    if (!fits(x.postponed, waiting))
      any_ = x.ticket;
    waiting += std::exchange(x.postponed, 0);
    postponed_bytes_ -= x.bytes.size();
    give_back(x.bytes);
  }
  postponed_from_ = 0;
}

void connection::write_reply(pending_reply& x, schema::Reply::Reader reply) {
  if (x.what == kind::simple && !x.silent && &x == &pending_.front()) {
    // The common case writes where the bytes leave from.
    auto before = output_.size();
    writer_to(output_, x).reply(reply);
    note_reply_size(output_.size() - before);
    return end_pending(x, {});
  }
  std::string bytes;
  if (x.what == kind::transaction) {
    bytes = exec_reply(reply, x.version);
  } else if (x.what == kind::info) {
    writer_to(bytes, x).verbatim(whole_info(std::move(x.bytes), reply));
  } else if (x.what == kind::versions && reply.isArray()) {
    transaction_.watched(reply);
    writer_to(bytes, x).status("OK");
  } else {
    if (x.what == kind::versions)
      transaction_.watch_failed();
    writer_to(bytes, x).reply(reply);
  }
  note_reply_size(bytes.size());
  end_pending(x, std::move(bytes));
}

void connection::deliver_error(uint64_t ticket, std::string_view text) {
  auto* x = waiting_for(ticket);
  if (!x)
    return;
  if (x->what == kind::versions)
    transaction_.watch_failed();
  asked_ -= x->may_be_asked_again();
  any_ = any_ == ticket ? 0 : any_;
  std::string bytes;
  if (x->what == kind::info)
    writer_to(bytes, *x).verbatim(x->bytes); // What is known here is told without a majority, too.
  else
    writer_to(bytes, *x).error(text);
  end_pending(*x, std::move(bytes));
}

/// A HELLO among the commands changes the version of the replies behind it.
std::string connection::exec_reply(schema::Reply::Reader reply, int version) {
  std::string bytes;
  resp::writer all{bytes, version, reply_limit_bytes};
  transaction_.write_reply(reply, all, [&](const transaction::queued& each, schema::Reply::Reader of_machine) {
    std::vector<std::string_view> args{each.args.begin(), each.args.end()};
    auto out = all.in_version(version);
    if (!each.local()) {
      out.verbatim(whole_info(services_.info(arguments{args}.subspan(1)), of_machine));
      return version;
    }
    auto before = client_.version;
    auto size_before = bytes.size();
    perform_locally(*each.command, args, out); // What it changes holds, though the reply be too large.
    if (bytes.size() == size_before)
      out.error("ERR what CLIENT REPLY leaves out has a place in the reply to EXEC");
    if (client_.version != before)
      version = client_.version;
    return version;
  });
  if (all.full()) {
    give_back(bytes);
    all.in_version(version).error(transaction_reply_too_large);
  }
  return bytes;
}

/// The larger the replies, the fewer commands are begun before they are read.
void connection::note_reply_size(size_t bytes) {
  reply_bytes_ = (7 * reply_bytes_ + bytes) / 8;
  pending_limit_ = std::clamp<size_t>(pending_limit_bytes / (reply_bytes_ + 1), 2, most_pending);
}

/// Its reply is complete; what is complete, in order, moves to the output.
void connection::end_pending(pending_reply& x, std::string bytes) {
  x.done = true;
  give_back(x.bytes);
  if (!x.silent)
    x.bytes = std::move(bytes);
  held_bytes_ += x.bytes.size();
  if (x.what == kind::transaction)
    transaction_.end_execution();
  auto& under_way = x.as_read ? reads_under_way_ : decided_under_way_;
  upheld(under_way > 0, "commands under way", "connection {} gets a reply to command {} and waits for none", client_.id,
         x.ticket);
  --under_way;
  while (!pending_.empty() && pending_.front().done) {
    held_bytes_ -= pending_.front().bytes.size();
    output_ += pending_.front().bytes;
    pending_.pop_front();
  }
}

} // namespace synod
