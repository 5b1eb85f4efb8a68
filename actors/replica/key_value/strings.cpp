// GET, SET and their kin.
#include "synod/actors/replica/key_value/machine.hpp"
#include "synod/actors/role/redis_text.hpp"

#include <algorithm>
#include <cmath>

namespace synod::key_value {

using namespace redis;

namespace {

void answer_value(const entry* x, reply answer) {
  x ? answer.bulk(x->value()) : answer.nil();
}

bool too_long(const machine& m, size_t size, reply answer) {
  if (size <= m.bounds().value_bytes)
    return false;
  answer.error(errors::too_long);
  return true;
}

// -- reading ------------------------------------------------------------------

void get(const machine& m, arguments args, reply answer) {
  answer_value(m.data().find(args[1]), answer);
}

void mget(const machine& m, arguments args, reply answer) {
  answer.array(args.size() - 1);
  for (size_t i = 1; i < args.size(); ++i)
    answer_value(m.data().find(args[i]), answer.element(i - 1));
}

void strlen(const machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  answer.integer(x ? static_cast<int64_t>(x->value().size()) : 0);
}

void getrange(const machine& m, arguments args, reply answer) {
  auto from = parse_integer(args[2]), to = parse_integer(args[3]);
  if (!from || !to)
    return answer.error(errors::not_an_integer);
  auto* x = m.data().find(args[1]);
  auto size = x ? static_cast<int64_t>(x->value().size()) : 0;
  if (*from < 0 && *to < 0 && *from > *to)
    return answer.bulk("");
  auto begin = std::max<int64_t>(*from < 0 ? size + *from : *from, 0);
  auto end = std::min(std::max<int64_t>(*to < 0 ? size + *to : *to, 0), size - 1);
  if (size == 0 || begin > end)
    return answer.bulk("");
  answer.bulk(x->value().substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin + 1)));
}

// -- SET and what it replaced -------------------------------------------------

/// What follows SET key value, or GETEX key.
struct value_options {
  bool only_if_absent = false;
  bool only_if_present = false;
  bool get = false;
  bool keep_expiry = false;
  bool persist = false;
  std::string_view expiry_word{}; // EX, PX, EXAT or PXAT, as it was given
  std::string_view expiry_number{};

  /// Takes EX and its kin: of several that say the same the last one counts, others exclude each other.
  bool take_expiry(std::string_view word, std::string_view number) {
    auto again = expiry_word.empty() || lower_case(expiry_word) == lower_case(word);
    if (!is_expiry(word) || !again || keep_expiry || persist)
      return false;
    expiry_word = word;
    expiry_number = number;
    return true;
  }
};

bool take_set_option(value_options& options, std::string_view word) {
  if (equals_ignoring_case(word, "nx") && !options.only_if_present)
    return options.only_if_absent = true;
  if (equals_ignoring_case(word, "xx") && !options.only_if_absent)
    return options.only_if_present = true;
  if (equals_ignoring_case(word, "get"))
    return options.get = true;
  if (equals_ignoring_case(word, "keepttl") && options.expiry_word.empty())
    return options.keep_expiry = true;
  return false;
}

bool take_getex_option(value_options& options, std::string_view word) {
  if (equals_ignoring_case(word, "persist") && options.expiry_word.empty())
    return options.persist = true;
  return false;
}

/// Their numbers are looked at later. None: a word that does not belong there.
std::optional<value_options> parse_options(arguments words, bool (*take)(value_options&, std::string_view)) {
  value_options options;
  for (size_t i = 0; i < words.size(); ++i)
    if (i + 1 < words.size() && options.take_expiry(words[i], words[i + 1]))
      ++i;
    else if (!take(options, words[i]))
      return std::nullopt;
  return options;
}

/// The log time of EX and its kin; 0 if there is none of them. `problem` is set to the error text if the number is not one.
int64_t deadline(const machine& m, const value_options& options, std::string_view command, std::string& problem) {
  if (options.expiry_word.empty())
    return 0;
  return parse_expiry(options.expiry_word, options.expiry_number, m.data().now(), command, problem);
}

void set(machine& m, arguments args, reply answer) {
  auto options = parse_options(args.subspan(3), take_set_option);
  if (!options)
    return answer.error(errors::syntax);
  std::string problem;
  auto expires = deadline(m, *options, args[0], problem);
  if (!problem.empty())
    return answer.error(problem);
  if (too_long(m, args[2].size(), answer))
    return;
  auto* old = m.data().find(args[1]);
  if (options->get)
    answer_value(old, answer);
  if ((options->only_if_absent && old) || (options->only_if_present && !old)) {
    if (!options->get)
      answer.nil();
    return;
  }
  m.data().put(args[1], args[2], options->keep_expiry && old ? old->expires() : expires);
  if (!options->get)
    answer.status("OK");
}

void setnx(machine& m, arguments args, reply answer) {
  if (too_long(m, args[2].size(), answer))
    return;
  auto absent = m.data().find(args[1]) == nullptr;
  if (absent)
    m.data().put(args[1], args[2], 0);
  answer.integer(absent);
}

void set_with_expiry(machine& m, arguments args, std::string_view unit, reply answer) {
  std::string problem;
  auto expires = parse_expiry(unit, args[2], m.data().now(), args[0], problem);
  if (!problem.empty())
    return answer.error(problem);
  if (too_long(m, args[3].size(), answer))
    return;
  m.data().put(args[1], args[3], expires);
  answer.status("OK");
}

void setex(machine& m, arguments args, reply answer) {
  set_with_expiry(m, args, "ex", answer);
}

void psetex(machine& m, arguments args, reply answer) {
  set_with_expiry(m, args, "px", answer);
}

void getset(machine& m, arguments args, reply answer) {
  if (too_long(m, args[2].size(), answer))
    return;
  answer_value(m.data().find(args[1]), answer);
  m.data().put(args[1], args[2], 0);
}

void getdel(machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  answer_value(x, answer);
  if (x)
    m.data().erase(args[1]);
}

void getex(machine& m, arguments args, reply answer) {
  auto options = parse_options(args.subspan(2), take_getex_option);
  if (!options)
    return answer.error(errors::syntax);
  auto* x = m.data().find(args[1]);
  if (!x)
    return answer.nil();
  std::string problem;
  auto expires = deadline(m, *options, args[0], problem);
  if (!problem.empty())
    return answer.error(problem);
  answer.bulk(x->value());
  if (expires != 0 && expires <= m.data().now())
    m.data().erase(args[1]);
  else if (expires != 0 || (options->persist && x->expires() != 0)) // What changes nothing must not end a transaction.
    m.data().set_expiry(args[1], expires);
}

// -- several at once ----------------------------------------------------------

bool pairs_are_sound(machine& m, arguments args, reply answer) {
  if (args.size() % 2 == 0) {
    answer.error(errors::wrong_arity(args[0]));
    return false;
  }
  for (size_t i = 2; i < args.size(); i += 2)
    if (too_long(m, args[i].size(), answer))
      return false;
  return true;
}

void mset(machine& m, arguments args, reply answer) {
  if (!pairs_are_sound(m, args, answer))
    return;
  for (size_t i = 1; i < args.size(); i += 2)
    m.data().put(args[i], args[i + 1], 0);
  answer.status("OK");
}

void msetnx(machine& m, arguments args, reply answer) {
  if (!pairs_are_sound(m, args, answer))
    return;
  for (size_t i = 1; i < args.size(); i += 2)
    if (m.data().find(args[i]))
      return answer.integer(0);
  for (size_t i = 1; i < args.size(); i += 2)
    m.data().put(args[i], args[i + 1], 0);
  answer.integer(1);
}

// -- changing in place --------------------------------------------------------

void append(machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  auto before = x ? x->value().size() : 0;
  if (too_long(m, before + args[2].size(), answer))
    return;
  if (x) {
    std::copy(args[2].begin(), args[2].end(), m.data().grow(args[1], before + args[2].size()) + before);
  } else {
    m.data().put(args[1], args[2], 0);
  }
  answer.integer(static_cast<int64_t>(before + args[2].size()));
}

void setrange(machine& m, arguments args, reply answer) {
  auto offset = parse_integer(args[2]);
  if (!offset)
    return answer.error(errors::not_an_integer);
  if (*offset < 0)
    return answer.error("ERR offset is out of range");
  auto* x = m.data().find(args[1]);
  if (args[3].empty())
    return answer.integer(x ? static_cast<int64_t>(x->value().size()) : 0);
  if (static_cast<uint64_t>(*offset) > m.bounds().value_bytes)
    return answer.error(errors::too_long);
  if (too_long(m, static_cast<size_t>(*offset) + args[3].size(), answer))
    return;
  if (!x)
    m.data().put(args[1], "", 0);
  auto begin = static_cast<size_t>(*offset);
  auto size = std::max(x ? x->value().size() : 0, begin + args[3].size());
  std::copy(args[3].begin(), args[3].end(), m.data().grow(args[1], size) + begin);
  answer.integer(static_cast<int64_t>(size));
}

void add(machine& m, std::string_view key, int64_t difference, reply answer) {
  auto* x = m.data().find(key);
  auto number = x ? parse_integer(x->value()) : 0;
  if (!number)
    return answer.error(errors::not_an_integer);
  int64_t sum = 0;
  if (__builtin_add_overflow(*number, difference, &sum))
    return answer.error("ERR increment or decrement would overflow");
  m.data().put(key, std::to_string(sum), x ? x->expires() : 0);
  answer.integer(sum);
}

void incr(machine& m, arguments args, reply answer) {
  add(m, args[1], 1, answer);
}

void decr(machine& m, arguments args, reply answer) {
  add(m, args[1], -1, answer);
}

void incrby(machine& m, arguments args, reply answer) {
  auto number = parse_integer(args[2]);
  number ? add(m, args[1], *number, answer) : answer.error(errors::not_an_integer);
}

void decrby(machine& m, arguments args, reply answer) {
  auto number = parse_integer(args[2]);
  if (!number)
    return answer.error(errors::not_an_integer);
  if (*number == INT64_MIN)
    return answer.error("ERR decrement would overflow");
  add(m, args[1], -*number, answer);
}

void incrbyfloat(machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  auto number = x ? parse_float(x->value()) : 0.0L;
  auto difference = parse_float(args[2]);
  if (!number || !difference)
    return answer.error("ERR value is not a valid float");
  auto sum = *number + *difference;
  if (!std::isfinite(sum))
    return answer.error("ERR increment would produce NaN or Infinity");
  auto text = format_float(sum);
  if (too_long(m, text.size(), answer))
    return;
  m.data().put(args[1], text, x ? x->expires() : 0);
  answer.bulk(text);
}

constexpr auto r = command_spec::read;
constexpr auto w = command_spec::write;
constexpr const char* g = "string";

constexpr command table[] = {
  {{"get", 2, r, 1, 1, 1, g, "1.0.0", "Returns the value of a key."}, nullptr, get},
  {{"set", -3, w, 1, 1, 1, g, "1.0.0", "Sets the value of a key, with an expiry and conditions if wanted."}, set, nullptr, true},
  {{"setnx", 3, w, 1, 1, 1, g, "1.0.0", "Sets the value of a key that is absent."}, setnx, nullptr, true},
  {{"setex", 4, w, 1, 1, 1, g, "2.0.0", "Sets the value of a key and its expiry in seconds."}, setex, nullptr, true},
  {{"psetex", 4, w, 1, 1, 1, g, "2.6.0", "Sets the value of a key and its expiry in milliseconds."}, psetex, nullptr, true},
  {{"getset", 3, w, 1, 1, 1, g, "1.0.0", "Sets the value of a key and returns the one before."}, getset, nullptr, true},
  {{"getdel", 2, w, 1, 1, 1, g, "6.2.0", "Removes a key and returns its value."}, getdel},
  {{"getex", -2, w, 1, 1, 1, g, "6.2.0", "Returns the value of a key and changes its expiry."}, getex},
  {{"mget", -2, r, 1, -1, 1, g, "1.0.0", "Returns the values of several keys."}, nullptr, mget},
  {{"mset", -3, w, 1, -1, 2, g, "1.0.1", "Sets several keys at once."}, mset, nullptr, true},
  {{"msetnx", -3, w, 1, -1, 2, g, "1.0.1", "Sets several keys at once if all of them are absent."}, msetnx, nullptr, true},
  {{"append", 3, w, 1, 1, 1, g, "2.0.0", "Appends to the value of a key."}, append, nullptr, true},
  {{"strlen", 2, r, 1, 1, 1, g, "2.2.0", "Returns the length of a value."}, nullptr, strlen},
  {{"getrange", 4, r, 1, 1, 1, g, "2.4.0", "Returns a part of a value."}, nullptr, getrange},
  {{"substr", 4, r, 1, 1, 1, g, "1.0.0", "Returns a part of a value."}, nullptr, getrange},
  {{"setrange", 4, w, 1, 1, 1, g, "2.2.0", "Overwrites a part of a value."}, setrange, nullptr, true},
  {{"incr", 2, w, 1, 1, 1, g, "1.0.0", "Adds one to the integer in a key."}, incr, nullptr, true},
  {{"decr", 2, w, 1, 1, 1, g, "1.0.0", "Subtracts one from the integer in a key."}, decr, nullptr, true},
  {{"incrby", 3, w, 1, 1, 1, g, "1.0.0", "Adds to the integer in a key."}, incrby, nullptr, true},
  {{"decrby", 3, w, 1, 1, 1, g, "1.0.0", "Subtracts from the integer in a key."}, decrby, nullptr, true},
  {{"incrbyfloat", 3, w, 1, 1, 1, g, "2.6.0", "Adds to the number in a key."}, incrbyfloat, nullptr, true},
};

} // namespace

std::span<const command> string_commands() {
  return table;
}

} // namespace synod::key_value
