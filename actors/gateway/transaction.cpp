#include "synod/actors/gateway/transaction.hpp"

#include "synod/actors/role/upheld.hpp"

#include <utility>

namespace synod {

using resp::give_back;

namespace {

size_t counted_bytes(arguments list) {
  size_t bytes = 0;
  for (auto each : list)
    bytes += each.size() + 32;
  return bytes;
}

} // namespace

bool transaction::begin() {
  return !std::exchange(open_, true);
}

bool transaction::queue(arguments args, const gateway_command& command) {
  queued_bytes_ += counted_bytes(args);
  if (queued_bytes_ + watched_bytes_ > limit_bytes_) {
    failed_ = true;
    give_back(queue_);
    return false;
  }
  queue_.push_back({{args.begin(), args.end()}, &command});
  return true;
}

void transaction::discard() {
  open_ = failed_ = false;
  give_back(queue_);
  queued_bytes_ = 0;
  unwatch();
}

// -- watched keys ---------------------------------------------------------------

bool transaction::has_room_to_watch(arguments keys) const {
  return watched_bytes_ + counted_bytes(keys) <= limit_bytes_;
}

void transaction::begin_watch(arguments keys) {
  watching_.assign(keys.begin(), keys.end());
}

/// A key that is watched already keeps its first version: whatever changes it behind that one fails the transaction.
void transaction::watch(std::string_view key, uint64_t version) {
  auto [known, fresh] = watched_.try_emplace(std::string{key}, version);
  if (fresh)
    watched_bytes_ += key.size() + 32;
  else if (version == no_version)
    known->second = no_version;
}

void transaction::watched(schema::Reply::Reader versions) {
  auto list = versions.getArray();
  unsigned next = 0;
  for (auto& key : std::exchange(watching_, {})) {
    auto told = next < list.size() && list[next].isInteger();
    watch(key, told ? static_cast<uint64_t>(list[next].getInteger()) : no_version);
    ++next;
  }
}

void transaction::watch_failed() {
  for (auto& key : std::exchange(watching_, {}))
    watch(key, no_version);
}

void transaction::watch_failed(arguments keys) {
  if (!has_room_to_watch(keys))
    return watch({}, no_version); // Any key does.
  for (auto key : keys)
    watch(key, no_version);
}

void transaction::unwatch() {
  watched_.clear();
  watched_bytes_ = 0;
}

// -- EXEC -----------------------------------------------------------------------

void transaction::begin_execution() {
  upheld(!executing_, "EXEC", "a transaction of {} commands is submitted while one is under way", queue_.size());
  executing_ = true;
  executed_ = std::move(queue_);
  discard();
}

/// The state machine's replies, and between them those of the gateway.
void transaction::write_reply(schema::Reply::Reader reply, resp::writer out, const answering& answer) const {
  if (!reply.isArray())
    return out.reply(reply);
  auto replies = reply.getArray();
  out.array(executed_.size());
  unsigned next = 0;
  auto version = out.version();
  for (auto& each : executed_) {
    if (each.local())
      version = answer(each, {});
    else if (next >= replies.size())
      out.error("ERR the state machine has not answered this command"); // The list is as long as was announced.
    else if (each.command->how == gateway_command::kind::info)
      version = answer(each, replies[next++]);
    else
      out.in_version(version).reply(replies[next++]);
  }
}

void transaction::end_execution() {
  executing_ = false;
  give_back(executed_);
}

} // namespace synod
