#include "model.hpp"

#include <algorithm>
#include <charconv>

namespace synod::simulation {

namespace {

std::string in_quotes(const std::string& bytes) {
  return '"' + bytes + '"';
}

std::optional<int64_t> integer(const std::string& text) {
  int64_t number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

int64_t number_in(const std::string& text) {
  return integer(text).value_or(0);
}

} // namespace

model::value* model::find(const std::string& key) {
  auto found = values_.find(key);
  if (found == values_.end())
    return nullptr;
  if (!expired(found->second))
    return &found->second;
  values_.erase(found);
  return nullptr;
}

std::vector<model> model::after(const operation& x, size_t index) const {
  auto earliest = std::max(now_, x.earliest_log_time);
  if (earliest > x.latest_log_time)
    return {};
  std::vector<int64_t> log_times{earliest};
  auto may_expire = [&](const std::string& key) {
    auto found = values_.find(key);
    if (found != values_.end() && found->second.expires > earliest && found->second.expires <= x.latest_log_time)
      log_times.push_back(found->second.expires);
  };
  for (auto& command : x.commands)
    std::for_each(command.begin() + 1, command.end(), may_expire);
  std::sort(log_times.begin(), log_times.end());
  log_times.erase(std::unique(log_times.begin(), log_times.end()), log_times.end());
  std::vector<model> all;
  for (auto log_time : log_times) {
    auto next = *this;
    next.now_ = log_time;
    next.performed_ = index;
    auto reply = next.perform(x);
    if (reply && (!x.reply || *reply == *x.reply))
      all.push_back(std::move(next));
  }
  return all;
}

std::optional<std::string> model::perform(const operation& x) {
  if (x.what == operation::kind::command)
    return perform(x.commands.front());
  // It may have changed between WATCH and GET, too.
  if (x.expects && (x.reply == "none" || told(x.commands.front()[1]) != *x.expects))
    return "none";
  std::string all;
  for (auto& command : x.commands) {
    auto reply = perform(command);
    if (!reply)
      return std::nullopt;
    all += (all.empty() ? "" : " ") + *reply;
  }
  return '[' + all + ']';
}

std::optional<std::string> model::perform(const words& command) {
  for (auto kin : {&model::look, &model::set_one, &model::set_some, &model::change, &model::take_or_move, &model::expire})
    if (auto reply = (this->*kin)(command))
      return reply;
  return std::nullopt;
}

// -- values and deadlines -----------------------------------------------------

std::string model::told(const std::string& key) {
  auto* found = find(key);
  return found ? in_quotes(found->bytes) : "nil";
}

void model::write(const std::string& key, std::string bytes, int64_t expires) {
  values_[key] = {std::move(bytes), expires, performed_};
}

/// One that has passed takes the key with it.
void model::set_expiry(const std::string& key, int64_t expires) {
  auto* found = find(key);
  if (!found)
    return;
  if (expires != 0 && expires <= now_)
    values_.erase(key);
  else
    found->expires = expires;
}

// -- what only looks ----------------------------------------------------------

std::optional<std::string> model::look(const words& command) {
  auto& name = command[0];
  auto* found = find(command[1]);
  if (name == "GET")
    return told(command[1]);
  if (name == "STRLEN")
    return std::to_string(found ? found->bytes.size() : 0);
  if (name == "EXISTS")
    return std::to_string(
      std::count_if(command.begin() + 1, command.end(), [this](auto& each) { return find(each) != nullptr; }));
  if (name == "MGET") {
    std::string all;
    for (auto key = command.begin() + 1; key != command.end(); ++key)
      all += (all.empty() ? "" : " ") + told(*key);
    return '[' + all + ']';
  }
  if (name == "GETRANGE") { // Of both ends at least 0, and in order.
    auto first = static_cast<size_t>(number_in(command[2])), last = static_cast<size_t>(number_in(command[3]));
    return in_quotes(found && first < found->bytes.size() ? found->bytes.substr(first, last - first + 1) : "");
  }
  return std::nullopt;
}

// -- what sets ----------------------------------------------------------------

std::string model::set(const words& command) {
  auto* found = find(command[1]);
  auto has = [&](const char* option) { return std::find(command.begin() + 3, command.end(), option) != command.end(); };
  auto get = has("GET");
  auto reply = get ? told(command[1]) : "OK";
  if ((has("NX") && found) || (has("XX") && !found))
    return get ? reply : "nil";
  int64_t expires = has("KEEPTTL") && found ? found->expires : 0;
  for (size_t i = 3; i + 1 < command.size(); ++i)
    if (command[i] == "PX" || command[i] == "EX")
      expires = now_ + number_in(command[i + 1]) * (command[i] == "EX" ? 1000 : 1);
    else if (command[i] == "PXAT")
      expires = number_in(command[i + 1]);
  write(command[1], command[2], expires);
  if (expires != 0)
    set_expiry(command[1], expires); // Redis takes a time in the past, and the key is gone.
  return reply;
}

std::optional<std::string> model::set_one(const words& command) {
  auto& name = command[0];
  auto& key = command[1];
  if (name == "SET")
    return set(command);
  if (name == "GETSET") {
    auto before = told(key);
    write(key, command[2], 0);
    return before;
  }
  if (name == "SETNX") {
    auto absent = find(key) == nullptr;
    if (absent)
      write(key, command[2], 0);
    return absent ? "1" : "0";
  }
  if (name == "PSETEX") {
    write(key, command[3], now_ + number_in(command[2]));
    return "OK";
  }
  return std::nullopt;
}

std::optional<std::string> model::set_some(const words& command) {
  auto if_absent = command[0] == "MSETNX";
  if (command[0] != "MSET" && !if_absent)
    return std::nullopt;
  for (size_t i = 1; i < command.size(); i += 2)
    if (if_absent && find(command[i]))
      return "0";
  for (size_t i = 1; i < command.size(); i += 2)
    write(command[i], command[i + 1], 0);
  return if_absent ? "1" : "OK";
}

// -- what changes a value -----------------------------------------------------

std::string model::add(const std::string& key, int64_t difference, bool as_float) {
  auto* found = find(key);
  auto number = found ? integer(found->bytes) : 0;
  if (!number)
    return as_float ? "ERR value is not a valid float" : "ERR value is not an integer or out of range";
  auto sum = std::to_string(*number + difference);
  write(key, sum, found ? found->expires : 0);
  return as_float ? in_quotes(sum) : sum;
}

std::optional<std::string> model::change(const words& command) {
  auto& name = command[0];
  auto& key = command[1];
  if (name == "INCR" || name == "DECR")
    return add(key, name == "INCR" ? 1 : -1, false);
  if (name == "INCRBY" || name == "INCRBYFLOAT")
    return add(key, number_in(command[2]), name == "INCRBYFLOAT");
  if (name == "DECRBY")
    return add(key, -number_in(command[2]), false);
  if (name != "APPEND" && name != "SETRANGE")
    return std::nullopt;
  auto* found = find(key);
  auto bytes = found ? found->bytes : std::string{};
  if (name == "APPEND")
    bytes += command[2];
  else // From the first byte on.
    bytes = command[3] + (bytes.size() > command[3].size() ? bytes.substr(command[3].size()) : "");
  write(key, bytes, found ? found->expires : 0);
  return std::to_string(bytes.size());
}

// -- what removes, and gives other names --------------------------------------

std::optional<std::string> model::take_or_move(const words& command) {
  auto& name = command[0];
  auto& key = command[1];
  auto* found = find(key);
  if (name == "DEL") {
    size_t removed = 0;
    for (auto each = command.begin() + 1; each != command.end(); ++each)
      removed += find(*each) != nullptr && values_.erase(*each) > 0;
    return std::to_string(removed);
  }
  if (name == "GETDEL") {
    auto before = told(key);
    values_.erase(key);
    return before;
  }
  if (name == "COPY") {
    auto replace = command.size() > 3;
    if (!found || (!replace && find(command[2])))
      return "0";
    write(command[2], found->bytes, found->expires);
    return "1";
  }
  if (name != "RENAME" && name != "RENAMENX")
    return std::nullopt;
  if (!found)
    return "ERR no such key";
  if (name == "RENAMENX" && find(command[2]))
    return "0";
  auto x = *found;
  values_.erase(key);
  write(command[2], x.bytes, x.expires);
  return name == "RENAMENX" ? "1" : "OK";
}

// -- what changes, or tells, a deadline ---------------------------------------

std::optional<std::string> model::expire(const words& command) {
  auto& name = command[0];
  auto& key = command[1];
  auto* found = find(key);
  if (name == "PTTL" || name == "PEXPIRETIME")
    return std::to_string(!found ? -2 : found->expires == 0 ? -1 : found->expires - (name == "PTTL" ? now_ : 0));
  if (name == "PERSIST") {
    auto had_expiry = found && found->expires != 0;
    set_expiry(key, 0);
    return had_expiry ? "1" : "0";
  }
  if (name == "PEXPIRE") {
    set_expiry(key, now_ + number_in(command[2]));
    return found ? "1" : "0";
  }
  if (name == "GETEX") {
    auto reply = told(key);
    if (command.size() > 2)
      set_expiry(key, command[2] == "PERSIST" ? 0 : now_ + number_in(command[3]));
    return reply;
  }
  return std::nullopt;
}

std::string model::text() const {
  std::string all;
  auto add = [&](const auto& x) { all.append(reinterpret_cast<const char*>(&x), sizeof x); };
  for (auto& [key, x] : values_) {
    all += key;
    all += '\0';
    add(x.bytes.size());
    all += x.bytes;
    add(x.expires);
    add(x.written_by);
  }
  return all;
}

} // namespace synod::simulation
