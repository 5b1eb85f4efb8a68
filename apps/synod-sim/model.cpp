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
    may_expire(command[1]);
  std::sort(log_times.begin(), log_times.end());
  log_times.erase(std::unique(log_times.begin(), log_times.end()), log_times.end());
  std::vector<model> all;
  for (auto log_time : log_times) {
    auto next = *this;
    next.now_ = log_time;
    auto reply = next.perform(x, index);
    if (reply && (!x.reply || *reply == *x.reply))
      all.push_back(std::move(next));
  }
  return all;
}

std::optional<std::string> model::perform(const operation& x, size_t index) {
  if (x.what == operation::kind::command)
    return perform(x.commands.front(), index);
  if (x.expects) {
    auto* found = find(x.commands.front()[1]);
    // It may have changed between WATCH and GET, too.
    if (x.reply == "none" || (found ? in_quotes(found->bytes) : "nil") != *x.expects)
      return "none";
  }
  std::string all;
  for (auto& command : x.commands) {
    auto reply = perform(command, index);
    if (!reply)
      return std::nullopt;
    all += (all.empty() ? "" : " ") + *reply;
  }
  return '[' + all + ']';
}

std::optional<std::string> model::perform(const std::vector<std::string>& command, size_t index) {
  auto& name = command[0];
  auto& key = command[1];
  auto* found = find(key);
  auto write = [&](std::string bytes, int64_t expires) { values_[key] = {std::move(bytes), expires, index}; };
  if (name == "GET")
    return found ? in_quotes(found->bytes) : "nil";
  if (name == "DEL") {
    values_.erase(key);
    return found ? "1" : "0";
  }
  if (name == "GETSET") {
    auto before = found ? in_quotes(found->bytes) : std::string{"nil"};
    write(command[2], 0);
    return before;
  }
  if (name == "SET") {
    int64_t expires = 0;
    if (command.size() == 5) {
      auto number = integer(command[4]).value_or(0);
      auto relative = command[3] == "PX";
      expires = relative ? now_ + number : number;
      if (!relative && expires <= now_) { // Redis takes a time in the past, and the key is gone.
        values_.erase(key);
        return "OK";
      }
    }
    write(command[2], expires);
    return "OK";
  }
  if (name == "APPEND") {
    auto expires = found ? found->expires : 0;
    write((found ? found->bytes : std::string{}) + command[2], expires);
    return std::to_string(values_[key].bytes.size());
  }
  if (name == "INCRBY") {
    auto number = found ? integer(found->bytes) : 0;
    if (!number)
      return "ERR value is not an integer or out of range";
    auto expires = found ? found->expires : 0;
    auto sum = std::to_string(*number + integer(command[2]).value_or(0));
    write(sum, expires);
    return sum;
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
