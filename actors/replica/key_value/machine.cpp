#include "synod/actors/replica/key_value/machine.hpp"

#include "synod/actors/role/redis_text.hpp"

#include <algorithm>
#include <unordered_map>

namespace synod::key_value {

using namespace redis;

namespace {

const std::vector<command_spec>& all_specs() {
  static const auto specs = [] {
    std::vector<command_spec> list;
    for (auto group : {string_commands(), key_commands(), information_commands()})
      for (auto& each : group)
        list.push_back(each.spec);
    return list;
  }();
  return specs;
}

const command* find_command(std::string_view name) {
  static const auto table = [] {
    std::unordered_map<std::string_view, const command*> map;
    for (auto group : {string_commands(), key_commands(), information_commands()})
      for (auto& each : group)
        map.emplace(each.spec.name, &each);
    return map;
  }();
  char lower[32];
  if (name.size() > sizeof lower)
    return nullptr;
  for (size_t i = 0; i < name.size(); ++i)
    lower[i] = static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  auto found = table.find({lower, name.size()});
  return found == table.end() ? nullptr : found->second;
}

/// The command, if it is known and has a fitting number of arguments; otherwise the error is answered.
const command* checked(arguments args, reply& answer) {
  auto* found = args.empty() ? nullptr : find_command(args[0]);
  auto count = static_cast<int>(args.size());
  if (!found)
    answer.error("ERR unknown command '" + std::string{args.empty() ? "" : args[0].substr(0, 128)}
                 + "', with args beginning with: ");
  else if (found->spec.arity >= 0 ? count != found->spec.arity : count < -found->spec.arity)
    answer.error(errors::wrong_arity(args[0]));
  else
    return found;
  return nullptr;
}

// A snapshot begins with these: "synkv" and the version of its format.
constexpr std::string_view snapshot_format{"synkv\0\0\1", 8};

/// Eight bytes, the lowest first, on every host.
template <class T>
void put_number(std::string& to, T number) {
  auto bits = static_cast<uint64_t>(number);
  for (int shift = 0; shift < 64; shift += 8)
    to.push_back(static_cast<char>(bits >> shift & 0xff));
}

template <class T>
bool take_number(std::string_view& from, T& number) {
  if (from.size() < sizeof(uint64_t))
    return false;
  uint64_t bits = 0;
  for (size_t i = sizeof bits; i-- > 0;)
    bits = bits << 8 | static_cast<unsigned char>(from[i]);
  number = static_cast<T>(bits);
  from.remove_prefix(sizeof bits);
  return true;
}

bool take_bytes(std::string_view& from, std::string_view& bytes) {
  uint64_t size = 0;
  if (!take_number(from, size) || from.size() < size)
    return false;
  bytes = from.substr(0, size);
  from.remove_prefix(size);
  return true;
}

constexpr size_t snapshot_piece_bytes = 1u << 20;

} // namespace

std::span<const command_spec> machine::commands() const {
  return all_specs();
}

void machine::begin_batch(int64_t now, uint64_t) {
  data_.advance(now);
}

void machine::apply(arguments args, reply answer) {
  auto* found = checked(args, answer);
  if (!found)
    return;
  if (found->grows && data_.bytes() > limits_.store_bytes)
    return answer.error(errors::out_of_memory);
  if (found->apply)
    found->apply(*this, args, answer);
  else if (answer.wanted())
    found->query(*this, args, answer);
}

void machine::query(arguments args, reply answer) const {
  auto* found = checked(args, answer);
  if (found && found->query)
    found->query(*this, args, answer);
  else if (found)
    answer.error("ERR '" + lower_case(args[0]) + "' is not a read-only command");
}

uint64_t machine::version(std::string_view key) const {
  return data_.version(key);
}

/// The format, version 1. Numbers have eight bytes, the lowest first. The first piece begins with
///   "synkv" 0 0 1            the format and its version
///   log time, last version
///   number of shards that keys were removed from; of each: its index, and the version of the last removal.
/// Then, in every piece, whole entries: key size, key, value size, value, expiry (log time; 0: never), version.
void machine::snapshot(const std::function<void(std::string_view)>& write) const {
  std::string piece{snapshot_format};
  put_number(piece, data_.now());
  put_number(piece, data_.last_version());
  auto& removals = data_.removals();
  put_number(piece, static_cast<uint64_t>(std::count_if(removals.begin(), removals.end(), [](auto x) { return x != 0; })));
  for (uint64_t i = 0; i < removals.size(); ++i)
    if (removals[i] != 0) {
      put_number(piece, i);
      put_number(piece, removals[i]);
    }
  for (size_t i = 0; i < store::shard_count; ++i)
    for (auto& [key, x] : data_.at(i)) {
      put_number(piece, uint64_t{key.size()});
      piece += key;
      put_number(piece, uint64_t{x.value.size()});
      piece += x.value;
      put_number(piece, x.expires);
      put_number(piece, x.version);
      if (piece.size() >= snapshot_piece_bytes) {
        write(piece);
        piece.clear();
      }
    }
  write(piece);
}

bool machine::restore_head(std::string_view& rest) {
  int64_t now = 0;
  uint64_t version = 0, removals = 0, index = 0, removal = 0;
  if (!rest.starts_with(snapshot_format))
    return false;
  rest.remove_prefix(snapshot_format.size());
  if (!take_number(rest, now) || !take_number(rest, version) || !take_number(rest, removals))
    return false;
  data_.restore_clock(now, version);
  for (size_t i = 0; i < store::shard_count; ++i)
    data_.restore_removal(i, 0);
  for (; removals > 0; --removals) {
    if (!take_number(rest, index) || !take_number(rest, removal) || index >= store::shard_count)
      return false;
    data_.restore_removal(index, removal);
  }
  return true;
}

std::optional<std::string> machine::restore(const std::function<std::string()>& read) {
  data_.clear();
  if (auto problem = restore_pieces(read)) {
    data_.clear(); // Never half a state.
    return problem;
  }
  return std::nullopt;
}

std::optional<std::string> machine::restore_pieces(const std::function<std::string()>& read) {
  bool first = true;
  for (auto piece = read(); !piece.empty(); piece = read()) {
    std::string_view rest{piece};
    if (std::exchange(first, false) && !restore_head(rest))
      return "this is no snapshot of the key-value state machine in format 1, or its beginning is damaged";
    while (!rest.empty()) {
      std::string_view key, value;
      int64_t expires = 0;
      uint64_t entry_version = 0;
      if (!take_bytes(rest, key) || !take_bytes(rest, value) || !take_number(rest, expires) || !take_number(rest, entry_version))
        return "an entry of the snapshot is cut short";
      data_.restore(key, value, expires, entry_version);
    }
  }
  return first ? std::optional<std::string>{"the snapshot is empty"} : std::nullopt;
}

bool is_expiry(std::string_view word) {
  return equals_ignoring_case(word, "ex") || equals_ignoring_case(word, "px") || equals_ignoring_case(word, "exat")
         || equals_ignoring_case(word, "pxat");
}

int64_t parse_expiry(std::string_view word, std::string_view number, int64_t now, std::string_view command,
                     std::string& problem) {
  auto seconds = equals_ignoring_case(word, "ex") || equals_ignoring_case(word, "exat");
  auto absolute = equals_ignoring_case(word, "exat") || equals_ignoring_case(word, "pxat");
  auto value = parse_integer(number);
  if (!value) {
    problem = errors::not_an_integer;
    return 0;
  }
  int64_t result = *value;
  if (*value <= 0 || (seconds && __builtin_mul_overflow(result, int64_t{1000}, &result))
      || (!absolute && __builtin_add_overflow(result, now, &result)))
    problem = errors::invalid_expire(command);
  return result;
}

} // namespace synod::key_value
