#include "workload_client.hpp"

#include "workload.hpp"

#include <strings.h>

#include <algorithm>
#include <numeric>

namespace synod::simulation {

using std::chrono::milliseconds;

operation workload_client::draw_read(unsigned group) {
  auto some = [&] { return key(random_.of<char>({'r', 'c', 'l'}), group); };
  auto command = [&]() -> std::vector<std::string> {
    switch (random_.below(10)) {
      case 0:
        return {"MGET", some(), some(), some()};
      case 1:
        return {"EXISTS", some(), some()};
      case 2:
        return {"STRLEN", some()};
      case 3:
        return {"GETRANGE", some(), "1", std::to_string(random_.between(1, 20))};
      default:
        return {"GET", some()};
    }
  };
  return {index_, operation::kind::command, {command()}};
}

operation workload_client::checked_transaction(place looked, std::vector<std::string> watched) {
  auto group = looked.group;
  auto& before = at(looked);
  operation x{
    index_, operation::kind::transaction, {{"SET", key('r', group), fresh_value()}, {"INCRBY", key('c', group), fresh_number()}}};
  x.expects = before.reply;
  x.watched = {std::move(watched), before.called, before.returned, before.number, before.stream != 0, before.earliest_log_time};
  return x;
}

/// The register, alone or with another key, before it or behind it.
std::vector<std::string> workload_client::draw_watched(unsigned group) {
  std::vector<std::string> keys{key('r', group)};
  if (auto roll = random_.below(4); roll < 2)
    keys.insert(roll == 0 ? keys.begin() : keys.end(), key('c', group));
  return keys;
}

std::optional<operation> workload_client::last_write(unsigned group) {
  if (of_user())
    return draw_of_user(false);
  return operation{index_, operation::kind::command, {{"INCRBY", key('c', group), fresh_number()}}};
}

std::vector<std::pair<unsigned, operation>> workload_client::last_reads() {
  std::vector<std::pair<unsigned, operation>> all;
  if (of_user()) {
    if (auto x = draw_of_user(true))
      all.emplace_back(0, std::move(*x));
    return all;
  }
  for (unsigned group = 0; group < stage_.drawn.groups; ++group)
    for (auto kind : {'r', 'c', 'l'}) {
      operation x{index_, operation::kind::command, {{"GET", key(kind, group)}}};
      all.emplace_back(group, x);
    }
  return all;
}

operation workload_client::draw_of_user() {
  operation x{index_, operation::kind::command, {stage_.drawn.options.of_user->next(random_, index_)}};
  auto& command = x.commands.front();
  auto known = stage_.checks->expected().machine().commands();
  auto found = std::find_if(known.begin(), known.end(), [&](auto& spec) {
    return !command.empty() && ::strcasecmp(spec.name, command.front().c_str()) == 0;
  });
  auto size =
    std::accumulate(command.begin(), command.end(), size_t{0}, [](size_t sum, auto& each) { return sum + each.size(); });
  auto arity = found == known.end() ? 0 : found->arity;
  auto count = static_cast<int>(command.size());
  if (found == known.end() || (arity < 0 ? count < -arity : count != arity) || size > workload::largest_command)
    stage_.checks->fail("workload", "the workload draws what the state machine does not know, or a command that is too large: "
                                      + describe(x));
  x.reads = found != known.end() && found->access == command_spec::read;
  return x;
}

std::optional<operation> workload_client::draw_of_user(bool reads) {
  constexpr int most_draws = 1000;
  for (int i = 0; i < most_draws && !stage_.checks->broken(); ++i)
    if (auto x = draw_of_user(); x.reads == reads)
      return x;
  return std::nullopt;
}

operation workload_client::draw_write(unsigned group) {
  if (random_.below(40) == 0)
    return draw_read(group); // In a slot.
  operation x;
  x.client = index_;
  auto count = random_.below(6) == 0 ? random_.between(2, 3) : 1;
  x.what = count > 1 ? operation::kind::transaction : operation::kind::command;
  x.commands.push_back(draw_command(group));
  for (; count > 1; --count)
    x.commands.push_back(random_.below(2) == 0 ? draw_command(group) : draw_more(group));
  return x;
}

/// No write is asked for twice: each has a value of its own, an increment of its own, or a second key of its own that is
/// never there. So what was performed tells who asked for it.
std::vector<std::string> workload_client::draw_command(unsigned group) {
  auto number = [this](int64_t least, int64_t most) { return std::to_string(random_.between(least, most)); };
  auto r = key('r', group), c = key('c', group), l = key('l', group);
  auto roll = random_.below(100);
  if (roll < 18)
    return {"SET", r, fresh_value()};
  if (roll < 26)
    return {"SET", r, fresh_value(), "PX", number(10, 3000)};
  if (roll < 30)
    return {"SET", r, fresh_value(), "PXAT",
            std::to_string(random_.between(-200, 3000) + simulated_host::beginning_ms()
                           + std::chrono::duration_cast<milliseconds>(stage_.time.now()).count())};
  if (roll < 37)
    return draw_set(group);
  if (roll < 43)
    return {"GETSET", r, fresh_value()};
  if (roll < 47)
    return {"DEL", r, fresh_value()};
  if (roll < 53)
    return {"APPEND", r, fresh_value()};
  if (roll < 58)
    return {"SETRANGE", r, "0", fresh_value()};
  if (roll < 75)
    return {"INCRBY", c, fresh_number()};
  if (roll < 79)
    return {random_.of<const char*>({"INCRBY", "DECRBY", "INCRBYFLOAT"}), key(random_.of<char>({'r', 'c'}), group),
            fresh_number()};
  if (roll < 91)
    return {"APPEND", l, fmt::format("{}.{};", index_, ++values_)};
  if (roll < 95)
    return {"DEL", l, fresh_value()};
  if (roll < 96)
    return {"DEL", c, fresh_value()};
  switch (random_.below(4)) {
    case 0:
      return {"SETNX", r, fresh_value()};
    case 1:
      return {"PSETEX", r, number(10, 3000), fresh_value()};
    case 2:
      return {"MSET", r, fresh_value(), c, fresh_number()};
    default:
      return {"MSETNX", r, fresh_value(), c, fresh_number()};
  }
}

/// With options that go together.
std::vector<std::string> workload_client::draw_set(unsigned group) {
  std::vector<std::string> command{"SET", key('r', group), fresh_value()};
  if (auto roll = random_.below(3); roll > 0)
    command.emplace_back(roll == 1 ? "NX" : "XX");
  if (random_.below(2) == 0)
    command.emplace_back("GET");
  if (auto roll = random_.below(3); roll == 1)
    command.emplace_back("KEEPTTL");
  else if (roll == 2)
    command.insert(command.end(), {"EX", std::to_string(random_.between(1, 3))});
  return command;
}

/// What says nothing of who asked for it: behind a command that does, in one transaction.
std::vector<std::string> workload_client::draw_more(unsigned group) {
  auto number = [this](int64_t least, int64_t most) { return std::to_string(random_.between(least, most)); };
  auto r = key('r', group), c = key('c', group), l = key('l', group);
  switch (random_.below(14)) {
    case 0:
      return {"GETDEL", r};
    case 1:
      return {"GETEX", r, "PX", number(1, 3000)};
    case 2:
      return {"GETEX", r, "PERSIST"};
    case 3:
      return {"GETEX", r};
    case 4:
      return {"PERSIST", r};
    case 5:
      return {"PEXPIRE", r, number(-50, 3000)};
    case 6:
      return {"PTTL", r};
    case 7:
      return {"PEXPIRETIME", r};
    case 8:
      return {random_.of<const char*>({"INCR", "DECR"}), c};
    case 9:
      return {"COPY", r, l};
    case 10:
      return {"COPY", r, l, "REPLACE"};
    case 11:
      return {random_.of<const char*>({"RENAME", "RENAMENX"}), r, l};
    case 12:
      return {"DEL", r, l};
    default:
      return draw_read(group).commands.front();
  }
}
std::string workload_client::fresh_value() {
  auto large = stage_.drawn.large_value_bytes > 0 && random_.below(4) == 0;
  return fmt::format("v{}.{}", index_, ++values_)
         + (large ? std::string(1 + random_.below(stage_.drawn.large_value_bytes), 'x') : "");
}

std::string workload_client::fresh_number() {
  return std::to_string(100 * ++values_ + index_);
}

workload_client::place workload_client::begin(unsigned group, operation x) {
  x.called = stage_.time.now();
  x.earliest_log_time = stage_.checks->expected().log_time();
  x.number = ++book_.operations;
  ++book_.unknown;
  if (of_user() && is_read(x))
    stage_.checks->expected().begin_read(x.number, x.commands.front());
  book_.groups[group].push_back(std::move(x));
  return {group, book_.groups[group].size() - 1};
}

void workload_client::end(place where, std::optional<std::string> reply) {
  auto& x = at(where);
  x.returned = stage_.time.now();
  x.reply = std::move(reply);
  x.latest_log_time = stage_.checks->latest_time();
  x.possible = stage_.checks->expected().end_read(x.number);
  --book_.unknown;
}

void workload_client::withdraw(place where) {
  at(where).withdrawn = true;
  stage_.checks->expected().end_read(at(where).number);
  --book_.unknown;
}

} // namespace synod::simulation
