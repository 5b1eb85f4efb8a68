// Options of roles and state machines: what they may be, and what a cluster file says.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace synod {

/// One option that a role or state machine declares. In a cluster file a duration is written "250ms", "5s", "2min" or "1h", and
/// is ten years at most, whatever `most` says; a size is written "64KiB", "1MiB" or as a number of bytes.
struct option_spec {
  enum class kind { duration, bytes, number, flag, text };

  std::string name;
  kind type;
  std::string initial; ///< as written in a cluster file
  std::string help;
  int64_t least = 0;
  int64_t most = INT64_MAX;
};

/// The values in force: the defaults, overwritten by the cluster file's.
class option_values {
public:
  option_values() = default;
  explicit option_values(const std::vector<option_spec>& specs);

  /// Sets one option from its text; returns what is wrong with it, or nothing.
  static std::optional<std::string> parse(const option_spec& spec, const std::string& text,
                                          std::variant<int64_t, std::string>& value);
  void set(const std::string& name, std::variant<int64_t, std::string> value) { values_[name] = std::move(value); }

  std::chrono::milliseconds duration(const std::string& name) const { return std::chrono::milliseconds{number(name)}; }
  size_t bytes(const std::string& name) const { return static_cast<size_t>(number(name)); }
  int64_t number(const std::string& name) const { return std::get<int64_t>(values_.at(name)); }
  bool flag(const std::string& name) const { return number(name) != 0; }
  /// All of them, each as text.
  std::map<std::string, std::string> all() const;
  const std::string& text(const std::string& name) const { return std::get<std::string>(values_.at(name)); }

private:
  std::map<std::string, std::variant<int64_t, std::string>> values_;
};

} // namespace synod
