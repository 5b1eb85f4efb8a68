#include "synod/actors/gateway/command_details.hpp"

#include <algorithm>
#include <string_view>

namespace synod {

namespace {

// In the order of names.
constexpr command_details table[] = {
  {"append", "denyoom fast", "RW insert", "key value"},
  {"auth", "noscript loading stale fast no_auth allow_busy", "", "[username] password"},
  {"client"},
  {"client|caching", "noscript loading stale", "", "{YES|NO}"},
  {"client|getname", "noscript loading stale"},
  {"client|getredir", "noscript loading stale"},
  {"client|help", "loading stale"},
  {"client|id", "noscript loading stale"},
  {"client|info", "noscript loading stale"},
  {"client|kill", "admin noscript loading stale", "",
   "{ip:port|{[ID client-id]|[TYPE NORMAL|MASTER|REPLICA|PUBSUB]|[USER username]|[ADDR ip:port]|[LADDR ip:port]|[SKIPME "
   "yes/no]}...}"},
  {"client|list", "admin noscript loading stale", "", "[TYPE {NORMAL|MASTER|REPLICA|PUBSUB}] [ID client-id...]"},
  {"client|no-evict", "admin noscript loading stale", "", "{ON|OFF}"},
  {"client|no-touch", "noscript loading stale", "", "{ON|OFF}"},
  {"client|pause", "admin noscript loading stale", "", "timeout [WRITE|ALL]"},
  {"client|reply", "noscript loading stale", "", "{ON|OFF|SKIP}"},
  {"client|setinfo", "noscript loading stale", "", "{LIB-NAME libname|LIB-VER libver}"},
  {"client|setname", "noscript loading stale", "", "connection-name"},
  {"client|tracking", "noscript loading stale", "",
   "{ON|OFF} [REDIRECT client-id] [PREFIX prefix]... [BCAST] [OPTIN] [OPTOUT] [NOLOOP]"},
  {"client|trackinginfo", "noscript loading stale"},
  {"client|unblock", "admin noscript loading stale", "", "client-id [TIMEOUT|ERROR]"},
  {"client|unpause", "admin noscript loading stale"},
  {"command", "loading stale"},
  {"command|count", "loading stale"},
  {"command|docs", "loading stale", "", "[command-name...]"},
  {"command|getkeys", "loading stale", "", "command [arg]..."},
  {"command|getkeysandflags", "loading stale", "", "command [arg]..."},
  {"command|help", "loading stale"},
  {"command|info", "loading stale", "", "[command-name...]"},
  {"command|list", "loading stale", "", "[FILTERBY {MODULE module-name|ACLCAT category|PATTERN pattern}]"},
  {"config"},
  {"config|get", "admin noscript loading stale", "", "parameter..."},
  {"config|help", "loading stale"},
  {"config|resetstat", "admin noscript loading stale"},
  {"config|rewrite", "admin noscript loading stale"},
  {"config|set", "admin noscript loading stale", "", "{parameter value}..."},
  {"copy", "denyoom", "RO access|OW update", "source destination [DB destination-db] [REPLACE]"},
  {"dbsize", "fast"},
  {"decr", "denyoom fast", "RW access update", "key"},
  {"decrby", "denyoom fast", "RW access update", "key decrement"},
  {"del", "", "RM delete", "key..."},
  {"discard", "noscript loading stale fast allow_busy"},
  {"echo", "loading stale fast", "", "message"},
  {"exec", "noscript loading stale skip_slowlog"},
  {"exists", "fast", "RO", "key..."},
  {"expire", "fast", "RW update", "key seconds [NX|XX|GT|LT]"},
  {"expireat", "fast", "RW update", "key unix-time-seconds [NX|XX|GT|LT]"},
  {"expiretime", "fast", "RO access", "key"},
  {"flushall", "", "", "[ASYNC|SYNC]"},
  {"flushdb", "", "", "[ASYNC|SYNC]"},
  {"get", "fast", "RO access", "key"},
  {"getdel", "fast", "RW access delete", "key"},
  {"getex", "fast", "RW access update",
   "key [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|PERSIST]"},
  {"getrange", "", "RO access", "key start end"},
  {"getset", "denyoom fast", "RW access update", "key value"},
  {"hello", "noscript loading stale fast no_auth allow_busy", "", "[protover [AUTH username password] [SETNAME clientname]]"},
  {"incr", "denyoom fast", "RW access update", "key"},
  {"incrby", "denyoom fast", "RW access update", "key increment"},
  {"incrbyfloat", "denyoom fast", "RW access update", "key increment:double"},
  {"info", "loading stale", "", "[section...]"},
  {"keys", "", "", "pattern"},
  {"mget", "fast", "RO access", "key..."},
  {"mset", "denyoom", "OW update", "{key value}..."},
  {"msetnx", "denyoom", "OW insert", "{key value}..."},
  {"multi", "noscript loading stale fast allow_busy"},
  {"persist", "fast", "RW update", "key"},
  {"pexpire", "fast", "RW update", "key milliseconds [NX|XX|GT|LT]"},
  {"pexpireat", "fast", "RW update", "key unix-time-milliseconds [NX|XX|GT|LT]"},
  {"pexpiretime", "fast", "RO access", "key"},
  {"ping", "fast", "", "[message]"},
  {"psetex", "denyoom", "OW update", "key milliseconds value"},
  {"pttl", "fast", "RO access", "key"},
  {"quit", "noscript loading stale fast no_auth allow_busy"},
  {"randomkey"},
  {"rename", "", "RW access delete|OW update", "key newkey"},
  {"renamenx", "fast", "RW access delete|OW insert", "key newkey"},
  {"reset", "noscript loading stale fast no_auth allow_busy"},
  {"scan", "", "", "cursor [MATCH pattern] [COUNT count] [TYPE type]"},
  {"select", "loading stale fast", "", "index"},
  {"set", "denyoom", "RW access update variable_flags",
   "key value [NX|XX] [GET] [EX seconds|PX milliseconds|EXAT unix-time-seconds|PXAT unix-time-milliseconds|KEEPTTL]"},
  {"setex", "denyoom", "OW update", "key seconds value"},
  {"setnx", "denyoom fast", "OW insert", "key value"},
  {"setrange", "denyoom", "RW update", "key offset value"},
  {"strlen", "fast", "RO", "key"},
  {"substr", "", "RO access", "key start end"},
  {"time", "loading stale fast"},
  {"touch", "fast", "RO", "key..."},
  {"ttl", "fast", "RO access", "key"},
  {"type", "fast", "RO", "key"},
  {"unlink", "fast", "RM delete", "key..."},
  {"unwatch", "noscript loading stale fast allow_busy"},
  {"watch", "noscript loading stale fast allow_busy", "RO", "key..."},
};

constexpr command_details nothing{""};

bool before(const command_details& a, std::string_view name) {
  return a.name < name;
}

} // namespace

const command_details& details_of(const command_spec& x) {
  auto found = std::lower_bound(std::begin(table), std::end(table), std::string_view{x.name}, before);
  auto has_keys = [](const command_details& each) { return *each.key_use != '\0'; };
  auto fits = found != std::end(table) && std::string_view{x.name} == found->name && has_keys(*found) == (x.first_key != 0);
  return fits ? *found : nothing;
}

} // namespace synod
