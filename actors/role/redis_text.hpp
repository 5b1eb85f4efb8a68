// Numbers, patterns and error texts as Redis has them: for gateways and state machines.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synod::redis {

/// A 64-bit integer in the one form Redis takes: no sign but minus, no leading zeros, no blanks.
std::optional<int64_t> parse_integer(std::string_view text);

/// A finite number, with nothing around it.
std::optional<long double> parse_float(std::string_view text);

/// As INCRBYFLOAT writes it: 17 digits behind the point at most, no trailing zeros, no exponent.
std::string format_float(long double number);

/// Glob patterns: * ? [a-c] [^a] and \ to take a character literally.
bool matches(std::string_view pattern, std::string_view text);

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
