// What the machine tells of itself.
#include "synod/actors/replica/key_value/machine.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <array>
#include <cstdio>

namespace synod::key_value {

using namespace redis;

namespace {

/// 1536 is 1.50K.
std::string readable(size_t bytes) {
  constexpr std::string_view units = "BKMGTP";
  auto number = static_cast<double>(bytes);
  size_t unit = 0;
  for (; number >= 1024 && unit + 1 < units.size(); ++unit)
    number /= 1024;
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f%c" : "%.2f%c", number, units[unit]);
  return text.data();
}

void tell_memory(const machine& m, std::string& text) {
  auto used = m.data().bytes(), most = m.bounds().store_bytes;
  text += "# Memory\r\nused_memory:" + std::to_string(used) + "\r\nused_memory_human:" + readable(used) + "\r\nmaxmemory:"
          + std::to_string(most) + "\r\nmaxmemory_human:" + readable(most) + "\r\nmaxmemory_policy:noeviction\r\n";
}

void tell_keyspace(const machine& m, std::string& text) {
  text += "# Keyspace\r\n";
  if (m.data().size() > 0)
    text += "db0:keys=" + std::to_string(m.data().size()) + ",expires=" + std::to_string(m.data().expiring())
            + ",avg_ttl=" + std::to_string(m.data().mean_time_left()) + "\r\n";
}

/// The sections of INFO that a gateway does not know.
void info(const machine& m, arguments args, reply answer) {
  std::string text;
  if (wants_section(args.subspan(1), "memory"))
    tell_memory(m, text);
  if (wants_section(args.subspan(1), "keyspace")) {
    if (!text.empty())
      text += "\r\n";
    tell_keyspace(m, text);
  }
  answer.bulk(text);
}

constexpr command table[] = {
  {{"info", -1, command_spec::read, 0, 0, 0, "server", "1.0.0", "Tells about keys and memory."}, nullptr, info},
};

} // namespace

std::span<const command> information_commands() {
  return table;
}

} // namespace synod::key_value
