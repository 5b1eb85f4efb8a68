#include "workload_client.hpp"

#include "workload.hpp"

#include <strings.h>

#include <algorithm>
#include <numeric>

namespace synod::simulation {

using std::chrono::milliseconds;

operation workload_client::draw_read(unsigned group) {
  return {index_, operation::kind::command, {{"GET", key(random_.of<char>({'r', 'c', 'l'}), group)}}};
}

operation workload_client::checked_transaction(unsigned group) {
  return {
    index_, operation::kind::transaction, {{"SET", key('r', group), fresh_value()}, {"INCRBY", key('c', group), fresh_number()}}};
}

/// The register, alone or with a key whose changes nobody looks for, before it or behind it.
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
  operation x;
  x.client = index_;
  auto count = random_.below(6) == 0 ? random_.between(2, 3) : 1;
  x.what = count > 1 ? operation::kind::transaction : operation::kind::command;
  for (; count > 0; --count) {
    x.commands.push_back(draw_command(group));
    if (x.commands.back().size() == 5 && x.what == operation::kind::transaction)
      x.commands.back().resize(3); // One log time for all of it: expiry only alone.
  }
  return x;
}

/// No write is asked for twice: each has a value of its own, an increment of its own, or a second key of its own that is
/// never there. So what was performed tells who asked for it.
std::vector<std::string> workload_client::draw_command(unsigned group) {
  auto number = [this](int64_t least, int64_t most) { return std::to_string(random_.between(least, most)); };
  auto roll = random_.below(100);
  if (roll < 25)
    return {"SET", key('r', group), fresh_value()};
  if (roll < 35)
    return {"SET", key('r', group), fresh_value(), "PX", number(10, 3000)};
  if (roll < 40)
    return {"SET", key('r', group), fresh_value(), "PXAT",
            std::to_string(random_.between(-200, 3000) + simulated_host::beginning_ms()
                           + std::chrono::duration_cast<milliseconds>(stage_.time.now()).count())};
  if (roll < 48)
    return {"GETSET", key('r', group), fresh_value()};
  if (roll < 53)
    return {"DEL", key('r', group), fresh_value()};
  if (roll < 78)
    return {"INCRBY", key('c', group), fresh_number()};
  if (roll < 80)
    return {"INCRBY", key('r', group), fresh_number()};
  if (roll < 91)
    return {"APPEND", key('l', group), fmt::format("{}.{};", index_, ++values_)};
  if (roll < 96)
    return {"DEL", key('l', group), fresh_value()};
  if (roll < 97)
    return {"DEL", key('c', group), fresh_value()};
  return {"GET", key(random_.of<char>({'r', 'c', 'l'}), group)};
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
