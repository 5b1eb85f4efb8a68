#include "client.hpp"

namespace synod::simulation {

using std::chrono::milliseconds;

operation client::draw_read(unsigned group) {
  return {index_, operation::kind::command, {{"GET", key(random_.of<char>({'r', 'c', 'l'}), group)}}};
}

operation client::checked_transaction(unsigned group) {
  return {
    index_, operation::kind::transaction, {{"SET", key('r', group), fresh_value()}, {"INCRBY", key('c', group), fresh_number()}}};
}

/// The register, alone or with a key whose changes nobody looks for, before it or behind it.
std::vector<std::string> client::draw_watched(unsigned group) {
  std::vector<std::string> keys{key('r', group)};
  if (auto roll = random_.below(4); roll < 2)
    keys.insert(roll == 0 ? keys.begin() : keys.end(), key('c', group));
  return keys;
}

operation client::last_write(unsigned group) {
  return {index_, operation::kind::command, {{"INCRBY", key('c', group), fresh_number()}}};
}

operation client::draw_write(unsigned group) {
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
std::vector<std::string> client::draw_command(unsigned group) {
  auto number = [this](int64_t least, int64_t most) { return std::to_string(random_.between(least, most)); };
  auto roll = random_.below(100);
  if (roll < 25)
    return {"SET", key('r', group), fresh_value()};
  if (roll < 35)
    return {"SET", key('r', group), fresh_value(), "PX", number(10, 3000)};
  if (roll < 40)
    return {"SET", key('r', group), fresh_value(), "PXAT",
            std::to_string(random_.between(-200, 3000) + host::beginning_ms()
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

std::string client::fresh_value() {
  auto large = stage_.drawn.large_value_bytes > 0 && random_.below(4) == 0;
  return fmt::format("v{}.{}", index_, ++values_)
         + (large ? std::string(1 + random_.below(stage_.drawn.large_value_bytes), 'x') : "");
}

std::string client::fresh_number() {
  return std::to_string(100 * ++values_ + index_);
}

client::place client::begin(unsigned group, operation x) {
  x.called = stage_.time.now();
  x.earliest_log_time = stage_.checks->expected().log_time();
  x.number = ++book_.operations;
  ++book_.unknown;
  book_.groups[group].push_back(std::move(x));
  return {group, book_.groups[group].size() - 1};
}

void client::end(place where, std::optional<std::string> reply) {
  auto& x = at(where);
  x.returned = stage_.time.now();
  x.reply = std::move(reply);
  x.latest_log_time = stage_.checks->latest_time();
  --book_.unknown;
}

void client::withdraw(place where) {
  at(where).withdrawn = true;
  --book_.unknown;
}

} // namespace synod::simulation
