#include "synod/actors/role/redis_text.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace synod::redis {

std::optional<int64_t> parse_integer(std::string_view text) {
  auto digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits[0] == '0' && (digits.size() > 1 || text.size() > 1)))
    return std::nullopt;
  int64_t number = 0;
  auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc{} || end != text.data() + text.size())
    return std::nullopt;
  return number;
}

namespace {

constexpr size_t float_bytes = 5 * 1024; // As many digits as the largest number has, and those behind the point.

} // namespace

std::optional<long double> parse_float(std::string_view text) {
  if (text.empty() || text.size() >= float_bytes || std::isspace(static_cast<unsigned char>(text[0])))
    return std::nullopt;
  std::string copy{text};
  char* end = nullptr;
  errno = 0;
  auto number = std::strtold(copy.c_str(), &end);
  auto out_of_range = errno == ERANGE && (std::isinf(number) || number == 0);
  if (end != copy.c_str() + copy.size() || out_of_range || std::isnan(number))
    return std::nullopt;
  return number;
}

std::string format_float(long double number) {
  char buffer[float_bytes];
  auto size = std::snprintf(buffer, sizeof buffer, "%.17Lf", number);
  std::string text{buffer, static_cast<size_t>(size)};
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.ends_with('.'))
      text.pop_back();
  }
  return text == "-0" ? "0" : text;
}

std::optional<uint64_t> parse_cursor(std::string_view text) {
  std::string copy{text.substr(0, text.find('\0'))};
  if (!copy.empty() && std::isspace(static_cast<unsigned char>(copy[0])))
    return std::nullopt;
  char* end = nullptr;
  errno = 0;
  auto number = std::strtoul(copy.c_str(), &end, 10);
  if (*end != '\0' || errno == ERANGE)
    return std::nullopt;
  return number;
}

namespace {

/// Matches one bracket expression; moves `pattern` to its end.
bool matches_set(std::string_view& pattern, char c) {
  pattern.remove_prefix(1); // '['
  auto negated = pattern.starts_with('^');
  if (negated)
    pattern.remove_prefix(1);
  bool found = false;
  while (!pattern.empty() && pattern[0] != ']') {
    if (pattern[0] == '\\' && pattern.size() >= 2) {
      found |= pattern[1] == c;
      pattern.remove_prefix(2);
    } else if (pattern.size() >= 3 && pattern[1] == '-') {
      auto first = static_cast<unsigned char>(pattern[0]), last = static_cast<unsigned char>(pattern[2]);
      auto code = static_cast<unsigned char>(c);
      found |= std::min(first, last) <= code && code <= std::max(first, last);
      pattern.remove_prefix(3);
    } else {
      found |= pattern[0] == c;
      pattern.remove_prefix(1);
    }
  }
  if (!pattern.empty())
    pattern.remove_prefix(1); // ']'
  return found != negated;
}

/// Matches one element that is not a star; moves `pattern` behind it.
bool matches_one(std::string_view& pattern, char c) {
  switch (pattern[0]) {
    case '?':
      pattern.remove_prefix(1);
      return true;
    case '[':
      return matches_set(pattern, c);
    case '\\':
      if (pattern.size() >= 2)
        pattern.remove_prefix(1);
      [[fallthrough]];
    default: {
      auto same = pattern[0] == c;
      pattern.remove_prefix(1);
      return same;
    }
  }
}

} // namespace

bool matches(std::string_view pattern, std::string_view text, uint64_t& bytes_left) {
  if (text.empty()) // As with Redis: of all patterns with stars only the single one fits it.
    return pattern.empty() || pattern == "*";
  // Going back to the last star alone is enough, and keeps the time bounded by the product of the lengths.
  std::optional<std::pair<std::string_view, std::string_view>> star; // pattern behind it, text it ends at
  while (bytes_left > 0) {
    auto size = pattern.size();
    if (!pattern.empty() && pattern[0] == '*') {
      --bytes_left;
      pattern.remove_prefix(1);
      star.emplace(pattern, text);
      continue;
    }
    if (text.empty() && pattern.empty())
      return true;
    auto fits = !text.empty() && !pattern.empty() && matches_one(pattern, text[0]);
    bytes_left -= std::min<uint64_t>(bytes_left, std::max<size_t>(size - pattern.size(), 1));
    if (fits) {
      text.remove_prefix(1);
      continue;
    }
    if (!star || star->second.empty())
      return false;
    star->second.remove_prefix(1);
    pattern = star->first;
    text = star->second;
  }
  return false;
}

std::string problem_with_database(std::string_view number) {
  auto parsed = parse_integer(number);
  if (!parsed)
    return errors::not_an_integer;
  if (*parsed < INT32_MIN || *parsed > INT32_MAX)
    return "ERR value is out of range, value must between -2147483648 and 2147483647";
  return *parsed == 0 ? "" : "ERR DB index is out of range";
}

bool wants_section(std::span<const std::string_view> sections, std::string_view section) {
  auto names_it = [&](std::string_view x) {
    return equals_ignoring_case(x, section) || equals_ignoring_case(x, "all") || equals_ignoring_case(x, "everything")
           || equals_ignoring_case(x, "default");
  };
  return sections.empty() || std::any_of(sections.begin(), sections.end(), names_it);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [](char a, char b) { return std::tolower(static_cast<unsigned char>(a)) == b; });
}

std::string lower_case(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string errors::wrong_arity(std::string_view command) {
  return "ERR wrong number of arguments for '" + lower_case(command) + "' command";
}

std::string errors::invalid_expire(std::string_view command) {
  return "ERR invalid expire time in '" + lower_case(command) + "' command";
}

} // namespace synod::redis
