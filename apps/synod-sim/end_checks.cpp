#include "end_checks.hpp"

#include "linearizability.hpp"
#include "workload.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>
#include <unordered_map>

namespace synod::simulation {

namespace {

uint64_t sum_of(const operation& x) {
  uint64_t sum = 0;
  for (auto& command : x.commands)
    sum = add_to_sum(sum, std::vector<std::string_view>(command.begin(), command.end()));
  return sum;
}

/// How often the same was asked for: of the built-in workload once, of a user's as often as it likes.
struct asked_times {
  uint64_t asked = 0; // and not turned away by a gateway
  uint64_t told = 0;  // that it was performed
  std::vector<std::string> replies;
};

bool told(const operation& x) {
  return x.returned != operation::never && !x.withdrawn && x.reply != "none";
}

std::unordered_map<uint64_t, asked_times> count(const history& all) {
  std::unordered_map<uint64_t, asked_times> counts;
  for (auto& x : all) {
    if (is_read(x))
      continue;
    auto& same = counts[sum_of(x)];
    same.asked += !x.withdrawn;
    same.told += told(x);
    if (told(x) && x.reply)
      same.replies.push_back(*x.reply);
  }
  return counts;
}

/// A write is performed at most as often as it was asked for, not counting what a gateway has turned away, and at least as
/// often as its result was told.
bool check_once(history& all, invariants& checks) {
  auto counts = count(all);
  for (auto& x : all) {
    if (is_read(x))
      continue;
    auto& same = counts[sum_of(x)];
    auto found = checks.expected().find(sum_of(x));
    if (found.times > same.asked) {
      checks.fail("exactly-once", fmt::format("performed {} times{}: {}", found.times,
                                              x.withdrawn ? " although it was turned away" : "", describe(x)));
      return false;
    }
    if (found.times < same.told) {
      checks.fail("exactly-once", fmt::format("its result was told, and it was {} performed: {}",
                                              found.times == 0 ? "not" : "less often", describe(x)));
      return false;
    }
    if (same.asked != 1)
      continue; // Which of them it was nobody knows.
    x.place = found.place;
    if (x.place != 0)
      x.earliest_log_time = x.latest_log_time = found.log_time;
  }
  return true;
}

/// What was asked for through one session or connection was performed in the order of asking, whatever was told of it: nothing
/// takes effect behind what was written later. (Of a user's commands, which may be alike, only those whose result was told: of
/// others it is not certain which of them was performed.)
bool check_order(const record_book& book, invariants& checks, bool are_unique) {
  std::vector<const operation*> performed;
  for (auto& all : book.groups)
    for (auto& x : all)
      if (x.place != 0 && x.stream != 0 && (are_unique || told(x)))
        performed.push_back(&x);
  auto key = [](const operation* x) { return std::tuple{x->client, x->stream, x->number}; };
  std::sort(performed.begin(), performed.end(), [&](auto* a, auto* b) { return key(a) < key(b); });
  auto wrong = std::adjacent_find(performed.begin(), performed.end(), [](auto* a, auto* b) {
    return a->client == b->client && a->stream == b->stream && a->place >= b->place;
  });
  if (wrong == performed.end())
    return true;
  checks.fail("session-order",
              fmt::format("performed in the wrong order:\n    {}\n    {}", describe(**wrong), describe(**(wrong + 1))));
  return false;
}

/// A command changes that key, whatever the key was: not for certain are those that look whether it is there.
bool changes(const std::vector<std::string>& command, const std::string& key, const operation& x) {
  auto& name = command.front();
  auto names_it = std::find(command.begin() + 1, command.end(), key) != command.end();
  if (name == "INCRBY") // The value may not have been a number.
    return names_it && x.what == operation::kind::command && x.reply && !x.reply->starts_with("ERR");
  auto sure =
    name == "GETSET" || name == "APPEND" || name == "SETRANGE" || name == "MSET" || (name == "SET" && command.size() == 3);
  return names_it && sure;
}

/// The log time at which a command's expiry ends a key; 0: it sets none.
int64_t end_of(const std::vector<std::string>& command, const std::string& key, int64_t log_time) {
  if (command.size() < 3 || command[1] != key)
    return 0;
  if (command.front() == "PSETEX" || command.front() == "PEXPIRE")
    return log_time + std::stoll(command[2]);
  for (size_t i = 2; i + 1 < command.size(); ++i)
    if (command[i] == "PX" || command[i] == "EX")
      return log_time + std::stoll(command[i + 1]) * (command[i] == "EX" ? 1000 : 1);
    else if (command[i] == "PXAT")
      return std::stoll(command[i + 1]);
  return 0;
}

/// It may have changed a key that the transaction `x` watches, while `x` did.
bool may_disturb(const operation& other, const operation& x) {
  auto& watch = *x.watched;
  auto names_it = [&](auto& command) {
    return std::any_of(command.begin() + 1, command.end(),
                       [&](auto& word) { return std::find(watch.keys.begin(), watch.keys.end(), word) != watch.keys.end(); });
  };
  if (&other == &x || is_read(other) || other.reply == "none"
      || std::none_of(other.commands.begin(), other.commands.end(), names_it))
    return false;
  for (auto& command : other.commands)
    for (auto& key : watch.keys)
      if (auto ends = other.place != 0 ? end_of(command, key, other.latest_log_time) : 0;
          ends > watch.earliest_log_time && ends <= x.latest_log_time)
        return true;
  auto in_order = other.client == x.client && other.stream == x.stream && other.returned != operation::never;
  if (in_order && (other.number > x.number || (watch.in_stream && other.number < watch.number)))
    return false;
  return other.called <= x.returned && other.returned >= watch.asked;
}

/// It did change such a key, for certain in between.
bool has_disturbed(const operation& other, const operation& x) {
  if (other.place == 0 || other.place >= x.place || other.called <= x.watched->answered)
    return false;
  return std::any_of(other.commands.begin(), other.commands.end(), [&](auto& command) {
    return std::any_of(x.watched->keys.begin(), x.watched->keys.end(), [&](auto& key) { return changes(command, key, other); });
  });
}

/// A transaction is performed if nobody has changed a key that it watches, and not otherwise.
bool check_watches(const history& all, invariants& checks) {
  for (auto& x : all) {
    if (!x.watched || x.returned == operation::never)
      continue;
    auto performed = x.reply != "none";
    auto wrong =
      performed ? std::find_if(all.begin(), all.end(), [&](auto& other) { return has_disturbed(other, x); }) : all.end();
    if (wrong != all.end()) {
      checks.fail("watch",
                  fmt::format("performed although a watched key was changed:\n    {}\n    {}", describe(*wrong), describe(x)));
      return false;
    }
    if (!performed && std::none_of(all.begin(), all.end(), [&](auto& other) { return may_disturb(other, x); })) {
      checks.fail("watch", fmt::format("not performed although nobody has changed a watched key: {}", describe(x)));
      return false;
    }
  }
  return true;
}

/// It did not take effect, or nobody could tell.
bool tells_nothing(const operation& x) {
  return x.withdrawn || (x.place == 0 && x.returned == operation::never);
}

/// What was told is what the state machine answers: a read in a state between its call and its return, a write in the
/// decided order. The decided order keeps to the order of calls and returns, for no slot is decided before what it holds was
/// asked for, and what was told was decided before; so this is linearizability.
bool check_replies(const history& all, invariants& checks) {
  for (auto& x : all)
    if (is_read(x) && x.returned != operation::never && !x.withdrawn && !x.possible.contains(x.reply.value_or(""))) {
      checks.fail("linearizability", fmt::format("no state between call and return has that answer, but {}: {}",
                                                 fmt::join(x.possible, " or "), describe(x)));
      return false;
    }
  for (auto& [sum, same] : count(all)) {
    auto left = checks.expected().find(sum).replies;
    for (auto& reply : same.replies) {
      auto found = std::find(left.begin(), left.end(), reply);
      if (found != left.end()) {
        left.erase(found);
        continue;
      }
      auto one = std::find_if(all.begin(), all.end(), [&, sum = sum](auto& x) { return sum_of(x) == sum && x.reply == reply; });
      checks.fail("linearizability", fmt::format("in the decided order the answers are {}: {}",
                                                 fmt::join(checks.expected().find(sum).replies, ", "), describe(*one)));
      return false;
    }
  }
  return true;
}

void check_of_user(const workload& of_user, const history& all, invariants& checks) {
  if (!check_replies(all, checks) || !of_user.check)
    return;
  std::vector<asked_command> asked;
  for (auto& x : all)
    if (!x.withdrawn) {
      auto known = x.returned != operation::never;
      asked.push_back({x.commands.front(), x.client, x.called, known ? std::optional{x.returned} : std::nullopt, x.reply});
    }
  if (auto problem = of_user.check(checks.expected().machine(), asked))
    checks.fail("workload", *problem);
}

} // namespace

void check_histories(record_book& book, invariants& checks, const workload* of_user, uint64_t& undecided) {
  for (auto& all : book.groups)
    if (!check_once(all, checks))
      return;
  if (!check_order(book, checks, !of_user))
    return;
  if (of_user)
    return check_of_user(*of_user, book.groups.front(), checks);
  for (auto& all : book.groups) {
    std::erase_if(all, tells_nothing);
    for (auto& x : all)
      x.latest_log_time = std::min(x.latest_log_time, checks.latest_time());
    if (!check_watches(all, checks))
      return;
    auto found = check_linearizable(all);
    undecided += found.what == verdict::kind::undecided;
    if (found.what == verdict::kind::broken)
      return checks.fail("linearizability", found.explanation);
  }
}

} // namespace synod::simulation
