#include "synod/actors/role/options.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace synod {

namespace {

/// In ms. No clock that a duration is added to overflows, in nanoseconds either.
constexpr int64_t longest_duration = int64_t{10} * 365 * 24 * 3'600'000;

using units = std::vector<std::pair<const char*, int64_t>>;

const units durations{{"ms", 1}, {"s", 1000}, {"min", 60'000}, {"h", 3'600'000}};
const units sizes{{"", 1}, {"B", 1}, {"KiB", 1ll << 10}, {"MiB", 1ll << 20}, {"GiB", 1ll << 30}};

std::optional<int64_t> parse_with_unit(const std::string& text, const units& known) {
  int64_t number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{})
    return std::nullopt;
  std::string unit{end, text.data() + text.size()};
  for (auto& [name, factor] : known)
    if (unit == name && !__builtin_mul_overflow(number, factor, &number))
      return number;
  return std::nullopt;
}

int64_t most_of(const option_spec& spec) {
  return spec.type == option_spec::kind::duration ? std::min(spec.most, longest_duration) : spec.most;
}

std::string range(const option_spec& spec) {
  auto most = most_of(spec) == INT64_MAX ? std::string{"no limit"} : std::to_string(most_of(spec));
  return std::to_string(spec.least) + " to " + most;
}

} // namespace

option_values::option_values(const std::vector<option_spec>& specs) {
  for (auto& spec : specs) {
    std::variant<int64_t, std::string> value;
    if (parse(spec, spec.initial, value))
      std::abort(); // A role declared a default that is not one of its own values.
    values_[spec.name] = std::move(value);
  }
}

std::optional<std::string> option_values::parse(const option_spec& spec, const std::string& text,
                                                std::variant<int64_t, std::string>& value) {
  std::optional<int64_t> number;
  std::string expected;
  switch (spec.type) {
    case option_spec::kind::text:
      value = text;
      return std::nullopt;
    case option_spec::kind::duration:
      number = parse_with_unit(text, durations);
      expected = "a duration like \"250ms\", \"5s\", \"2min\" or \"1h\"";
      break;
    case option_spec::kind::bytes:
      number = parse_with_unit(text, sizes);
      expected = "a size like \"64KiB\", \"1MiB\" or a number of bytes";
      break;
    case option_spec::kind::number:
      number = parse_with_unit(text, {{"", 1}});
      expected = "a whole number";
      break;
    case option_spec::kind::flag:
      number = text == "true" ? std::optional<int64_t>{1} : text == "false" ? std::optional<int64_t>{0} : std::nullopt;
      expected = "true or false";
      break;
  }
  if (!number)
    return "expected " + expected + ", found '" + text + "'";
  if (*number < spec.least || *number > most_of(spec))
    return "'" + text + "' is out of range (" + range(spec) + (spec.type == option_spec::kind::duration ? " ms)" : ")");
  value = *number;
  return std::nullopt;
}

std::map<std::string, std::string> option_values::all() const {
  std::map<std::string, std::string> texts;
  for (auto& [name, value] : values_)
    texts[name] =
      std::holds_alternative<int64_t>(value) ? std::to_string(std::get<int64_t>(value)) : std::get<std::string>(value);
  return texts;
}

} // namespace synod
