// Commands on keys whatever their value: DEL, EXPIRE, SCAN and their kin.
#include "synod/actors/replica/key_value/machine.hpp"
#include "synod/actors/role/redis_text.hpp"

namespace synod::key_value {

using namespace redis;

namespace {

// -- there or not -------------------------------------------------------------

void del(machine& m, arguments args, reply answer) {
  int64_t count = 0;
  for (auto key : args.subspan(1))
    count += m.data().erase(key);
  answer.integer(count);
}

void exists(const machine& m, arguments args, reply answer) {
  int64_t count = 0;
  for (auto key : args.subspan(1))
    count += m.data().find(key) != nullptr;
  answer.integer(count);
}

void type(const machine& m, arguments args, reply answer) {
  answer.status(m.data().find(args[1]) ? "string" : "none");
}

/// A key that gets longer may not do so in a full store, as whatever else makes that larger.
bool refuses_longer_name(const machine& m, arguments args, reply answer) {
  auto refuses = args[2].size() > args[1].size() && m.data().bytes() > m.bounds().store_bytes;
  if (refuses)
    answer.error(errors::out_of_memory);
  return refuses;
}

void rename_to(machine& m, arguments args, const entry& x) {
  std::string value{x.value()};
  auto expires = x.expires();
  m.data().erase(args[1]);
  m.data().put(args[2], value, expires);
}

void rename(machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  if (!x)
    return answer.error(errors::no_such_key);
  if (refuses_longer_name(m, args, answer))
    return;
  if (args[1] != args[2])
    rename_to(m, args, *x);
  answer.status("OK");
}

void renamenx(machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  if (!x)
    return answer.error(errors::no_such_key);
  if (m.data().find(args[2]))
    return answer.integer(0);
  if (refuses_longer_name(m, args, answer))
    return;
  rename_to(m, args, *x);
  answer.integer(1);
}

void copy(machine& m, arguments args, reply answer) {
  bool replace = false;
  for (size_t i = 3; i < args.size(); ++i) {
    if (equals_ignoring_case(args[i], "replace")) {
      replace = true;
    } else if (equals_ignoring_case(args[i], "db") && i + 1 < args.size()) {
      if (auto problem = problem_with_database(args[++i]); !problem.empty())
        return answer.error(problem);
    } else {
      return answer.error(errors::syntax);
    }
  }
  if (args[1] == args[2])
    return answer.error("ERR source and destination objects are the same");
  auto* x = m.data().find(args[1]);
  if (!x || (!replace && m.data().find(args[2])))
    return answer.integer(0);
  std::string value{x->value()};
  m.data().put(args[2], value, x->expires());
  answer.integer(1);
}

// -- all of them --------------------------------------------------------------

void dbsize(const machine& m, arguments, reply answer) {
  answer.integer(static_cast<int64_t>(m.data().size()));
}

template <class Use>
void each_key(const store& data, Use use) {
  for (size_t i = 0; i < store::shard_count; ++i)
    for (auto* x : store::sorted(data.at(i)))
      if (!data.expired(*x))
        use(x->key());
}

/// Looks for keys that match a pattern, and gives up where that would take long: it takes time in proportion to the keys, as
/// looking at each does, and some tens of milliseconds more.
class search {
public:
  explicit search(std::string_view pattern) : pattern_{pattern} {}

  bool finds(std::string_view key) {
    bytes_left_ += 64 + 4 * key.size();
    return matches(pattern_, key, bytes_left_);
  }
  bool given_up() const { return bytes_left_ == 0; }

  static constexpr const char* takes_too_long = "ERR the pattern takes too long to match";

private:
  std::string_view pattern_;
  uint64_t bytes_left_ = 1u << 24;
};

void answer_keys(const std::vector<std::string_view>& found, reply answer) {
  answer.array(found.size());
  for (size_t i = 0; i < found.size(); ++i)
    answer.element(i).bulk(found[i]);
}

void keys(const machine& m, arguments args, reply answer) {
  std::vector<std::string_view> found;
  search fitting{args[1]};
  each_key(m.data(), [&](std::string_view key) {
    if (!fitting.given_up() && fitting.finds(key))
      found.push_back(key);
  });
  fitting.given_up() ? answer.error(search::takes_too_long) : answer_keys(found, answer);
}

/// The cursor is the next shard: the same on every replica, and a shard is always told whole.
void scan(const machine& m, arguments args, reply answer) {
  auto begin = parse_cursor(args[1]);
  if (!begin)
    return answer.error("ERR invalid cursor");
  std::string_view pattern = "*";
  int64_t count = 10;
  bool strings = true;
  for (size_t i = 2; i < args.size(); i += 2) {
    if (i + 1 == args.size())
      return answer.error(errors::syntax);
    if (equals_ignoring_case(args[i], "match")) {
      pattern = args[i + 1];
    } else if (equals_ignoring_case(args[i], "count")) {
      auto number = parse_integer(args[i + 1]);
      if (!number)
        return answer.error(errors::not_an_integer);
      if (*number < 1)
        return answer.error(errors::syntax);
      count = *number;
    } else if (equals_ignoring_case(args[i], "type")) {
      strings = equals_ignoring_case(args[i + 1], "string");
    } else {
      return answer.error(errors::syntax);
    }
  }
  std::vector<std::string_view> found;
  int64_t looked_at = 0;
  search fitting{pattern};
  auto cursor = *begin;
  for (; cursor < store::shard_count && looked_at < count; ++cursor)
    for (auto* x : store::sorted(m.data().at(cursor))) {
      ++looked_at;
      if (strings && !m.data().expired(*x) && !fitting.given_up() && fitting.finds(x->key()))
        found.push_back(x->key());
    }
  if (fitting.given_up())
    return answer.error(search::takes_too_long);
  answer.array(2);
  answer.element(0).bulk(cursor >= store::shard_count ? "0" : std::to_string(cursor));
  answer_keys(found, answer.element(1));
}

/// A random shard first, the next one with a key then: near enough to uniform while keys are many or few.
void randomkey(const machine& m, arguments, reply answer) {
  auto begin = m.random() % store::shard_count;
  for (size_t i = 0; i < store::shard_count; ++i) {
    auto& shard = m.data().at((begin + i) % store::shard_count);
    std::vector<std::string_view> live;
    for (auto* x : store::sorted(shard))
      if (!m.data().expired(*x))
        live.push_back(x->key());
    if (!live.empty())
      return answer.bulk(live[m.random() % live.size()]);
  }
  answer.nil();
}

void flush(machine& m, arguments args, reply answer) {
  if (args.size() > 2 || (args.size() == 2 && !equals_ignoring_case(args[1], "async") && !equals_ignoring_case(args[1], "sync")))
    return answer.error(errors::syntax);
  m.data().clear();
  answer.status("OK");
}

// -- expiry -------------------------------------------------------------------

struct expire_conditions {
  bool nx = false, xx = false, gt = false, lt = false;
};

std::optional<expire_conditions> parse_conditions(arguments args, reply answer) {
  expire_conditions found;
  for (auto word : args.subspan(3)) {
    if (equals_ignoring_case(word, "nx"))
      found.nx = true;
    else if (equals_ignoring_case(word, "xx"))
      found.xx = true;
    else if (equals_ignoring_case(word, "gt"))
      found.gt = true;
    else if (equals_ignoring_case(word, "lt"))
      found.lt = true;
    else {
      answer.error("ERR Unsupported option " + std::string{word});
      return std::nullopt;
    }
  }
  if (found.nx && (found.xx || found.gt || found.lt)) {
    answer.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (found.gt && found.lt) {
    answer.error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return found;
}

void expire_at(machine& m, arguments args, bool seconds, bool absolute, reply answer) {
  auto conditions = parse_conditions(args, answer);
  if (!conditions)
    return;
  auto number = parse_integer(args[2]);
  if (!number)
    return answer.error(errors::not_an_integer);
  auto expires = *number;
  if ((seconds && __builtin_mul_overflow(expires, int64_t{1000}, &expires))
      || (!absolute && __builtin_add_overflow(expires, m.data().now(), &expires)))
    return answer.error(errors::invalid_expire(args[0]));
  auto* x = m.data().find(args[1]);
  if (!x)
    return answer.integer(0);
  auto has_expiry = x->expires() != 0; // None is further away than any.
  if ((conditions->nx && has_expiry) || (conditions->xx && !has_expiry)
      || (conditions->gt && (!has_expiry || expires <= x->expires()))
      || (conditions->lt && has_expiry && expires >= x->expires()))
    return answer.integer(0);
  if (expires <= m.data().now())
    m.data().erase(args[1]);
  else
    m.data().set_expiry(args[1], expires);
  answer.integer(1);
}

void expire(machine& m, arguments args, reply answer) {
  expire_at(m, args, true, false, answer);
}

void pexpire(machine& m, arguments args, reply answer) {
  expire_at(m, args, false, false, answer);
}

void expireat(machine& m, arguments args, reply answer) {
  expire_at(m, args, true, true, answer);
}

void pexpireat(machine& m, arguments args, reply answer) {
  expire_at(m, args, false, true, answer);
}

void persist(machine& m, arguments args, reply answer) {
  auto* x = m.data().find(args[1]);
  auto had_expiry = x && x->expires() != 0;
  if (had_expiry)
    m.data().set_expiry(args[1], 0);
  answer.integer(had_expiry);
}

constexpr int64_t no_key = -2, no_expiry = -1;

/// Answers what `tell` makes of the deadline, or that there is no key or no deadline.
template <class Tell>
void answer_deadline(const machine& m, arguments args, reply answer, Tell tell) {
  auto* x = m.data().find(args[1]);
  answer.integer(!x ? no_key : x->expires() == 0 ? no_expiry : tell(x->expires()));
}

void ttl(const machine& m, arguments args, reply answer) {
  answer_deadline(m, args, answer, [&](int64_t expires) { return (expires - m.data().now() + 500) / 1000; });
}

void pttl(const machine& m, arguments args, reply answer) {
  answer_deadline(m, args, answer, [&](int64_t expires) { return expires - m.data().now(); });
}

void expiretime(const machine& m, arguments args, reply answer) {
  answer_deadline(m, args, answer, [](int64_t expires) { return expires / 1000 + (expires % 1000 >= 500); });
}

void pexpiretime(const machine& m, arguments args, reply answer) {
  answer_deadline(m, args, answer, [](int64_t expires) { return expires; });
}

constexpr auto r = command_spec::read;
constexpr auto w = command_spec::write;
constexpr auto t = command_spec::timed;
constexpr const char* g = "generic";

constexpr command table[] = {
  {{"del", -2, w, 1, -1, 1, g, "1.0.0", "Removes keys."}, del},
  {{"unlink", -2, w, 1, -1, 1, g, "4.0.0", "Removes keys."}, del},
  {{"exists", -2, r, 1, -1, 1, g, "1.0.0", "Counts which of the keys are there."}, nullptr, exists},
  {{"touch", -2, r, 1, -1, 1, g, "3.2.1", "Counts which of the keys are there."}, nullptr, exists},
  {{"type", 2, r, 1, 1, 1, g, "1.0.0", "Returns the type of the value of a key."}, nullptr, type},
  {{"rename", 3, w, 1, 2, 1, g, "1.0.0", "Gives a key another name, overwriting what has it."}, rename},
  {{"renamenx", 3, w, 1, 2, 1, g, "1.0.0", "Gives a key another name that is free."}, renamenx},
  {{"copy", -3, w, 1, 2, 1, g, "6.2.0", "Copies a value to another key."}, copy, nullptr, true},
  {{"keys", 2, r, 0, 0, 0, g, "1.0.0", "Returns all keys that match a pattern."}, nullptr, keys},
  {{"scan", -2, r, 0, 0, 0, g, "2.8.0", "Goes through all keys, some at a time."}, nullptr, scan},
  {{"randomkey", 1, r, 0, 0, 0, g, "1.0.0", "Returns some key."}, nullptr, randomkey},
  {{"dbsize", 1, r, 0, 0, 0, "server", "1.0.0", "Counts the keys."}, nullptr, dbsize},
  {{"flushdb", -1, w, 0, 0, 0, "server", "1.0.0", "Removes all keys."}, flush},
  {{"flushall", -1, w, 0, 0, 0, "server", "1.0.0", "Removes all keys."}, flush},
  {{"expire", -3, w, 1, 1, 1, g, "1.0.0", "Sets a key's expiry in seconds from now."}, expire},
  {{"pexpire", -3, w, 1, 1, 1, g, "2.6.0", "Sets a key's expiry in milliseconds from now."}, pexpire},
  {{"expireat", -3, w, 1, 1, 1, g, "1.2.0", "Sets the second at which a key expires."}, expireat},
  {{"pexpireat", -3, w, 1, 1, 1, g, "2.6.0", "Sets the millisecond at which a key expires."}, pexpireat},
  {{"persist", 2, w, 1, 1, 1, g, "2.2.0", "Removes a key's expiry."}, persist},
  {{"ttl", 2, t, 1, 1, 1, g, "1.0.0", "Returns the seconds until a key expires."}, nullptr, ttl},
  {{"pttl", 2, t, 1, 1, 1, g, "2.6.0", "Returns the milliseconds until a key expires."}, nullptr, pttl},
  {{"expiretime", 2, r, 1, 1, 1, g, "7.0.0", "Returns the second at which a key expires."}, nullptr, expiretime},
  {{"pexpiretime", 2, r, 1, 1, 1, g, "7.0.0", "Returns the millisecond at which a key expires."}, nullptr, pexpiretime},
};

} // namespace

std::span<const command> key_commands() {
  return table;
}

} // namespace synod::key_value
