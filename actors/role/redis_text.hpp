// Numbers, patterns and error texts as Redis has them: for gateways and state machines.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace synod::redis {

/// A 64-bit integer in the one form Redis takes: no sign but minus, no leading zeros, no blanks.
std::optional<int64_t> parse_integer(std::string_view text);

/// A number with nothing around it, of 5 KiB at most; infinite if it says so, not if it is too large.
std::optional<long double> parse_float(std::string_view text);

/// SCAN's cursor: no text is zero, and a sign is taken.
std::optional<uint64_t> parse_cursor(std::string_view text);

/// As INCRBYFLOAT writes it: 17 digits behind the point at most, no trailing zeros, no exponent.
std::string format_float(long double number);

/// Glob patterns: * ? [a-c] [^a] and \ to take a character literally. `bytes_left` is how many bytes of patterns may still be
/// looked at, which are at worst as many as the product of both lengths; when none are left what is returned is of no use.
bool matches(std::string_view pattern, std::string_view text, uint64_t& bytes_left);

/// The same for those that are known to be short.
inline bool matches(std::string_view pattern, std::string_view text) {
  uint64_t any = UINT64_MAX;
  return matches(pattern, text, any);
}

/// What is wrong with the number of a database, if anything: there is one, 0.
std::string problem_with_database(std::string_view number);

/// Whether INFO with these arguments, behind its name, tells a section; `section` in lower case.
bool wants_section(std::span<const std::string_view> sections, std::string_view section);

/// What an error tells of a client's text: Redis ends it at a zero.
inline std::string told(std::string_view text) {
  return std::string{text.substr(0, text.find('\0'))};
}

bool equals_ignoring_case(std::string_view text, std::string_view lower_case);
std::string lower_case(std::string_view text);

namespace errors {
inline constexpr const char* syntax = "ERR syntax error";
inline constexpr const char* not_an_integer = "ERR value is not an integer or out of range";
inline constexpr const char* no_such_key = "ERR no such key";
inline constexpr const char* too_long = "ERR string exceeds maximum allowed size (value-limit)";
inline constexpr const char* out_of_memory = "OOM command not allowed when used memory > 'maxmemory'.";
std::string wrong_arity(std::string_view command);
std::string invalid_expire(std::string_view command);
} // namespace errors

} // namespace synod::redis
