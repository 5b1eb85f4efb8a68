// A client on hiredis, as programs in C and C++ use it: synchronous and pipelined.
// Debian's hiredis knows RESP2 only; redis-cli, which contains a later one, is the client for RESP3.
#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

namespace {

using reply_ptr = std::unique_ptr<redisReply, void (*)(void*)>;

void check(bool holds, const char* what) {
  if (holds)
    return;
  std::fprintf(stderr, "hiredis: %s\n", what);
  std::exit(1);
}

reply_ptr owned(void* reply) {
  check(reply != nullptr, "no reply");
  return {static_cast<redisReply*>(reply), freeReplyObject};
}

void use(redisContext* context) {
  check(owned(redisCommand(context, "HELLO 2"))->type == REDIS_REPLY_ARRAY, "HELLO");
  check(owned(redisCommand(context, "SET %b %b", "k\0y", size_t{3}, "v\0\r\n", size_t{4}))->type == REDIS_REPLY_STATUS, "SET");
  auto value = owned(redisCommand(context, "GET %b", "k\0y", size_t{3}));
  check(value->len == 4 && std::memcmp(value->str, "v\0\r\n", 4) == 0, "GET");
  check(owned(redisCommand(context, "GET none"))->type == REDIS_REPLY_NIL, "nil");
  owned(redisCommand(context, "DEL n"));
  constexpr int count = 2000;
  for (int i = 0; i < count; ++i)
    redisAppendCommand(context, i % 2 ? "GET n" : "INCR n");
  for (int i = 0; i < count; ++i) {
    void* next = nullptr;
    check(redisGetReply(context, &next) == REDIS_OK, "pipeline");
    auto reply = owned(next);
    auto number = reply->type == REDIS_REPLY_INTEGER ? reply->integer : std::atoll(reply->str);
    check(number == i / 2 + 1, "a pipelined read sees the write before it, and nothing behind it");
  }
  check(owned(redisCommand(context, "NOPE"))->type == REDIS_REPLY_ERROR, "error");
}

} // namespace

int main(int, char** argv) {
  std::unique_ptr<redisContext, void (*)(redisContext*)> context{redisConnect("127.0.0.1", std::atoi(argv[1])), redisFree};
  check(context && !context->err, "cannot connect");
  use(context.get());
  std::puts("hiredis: synchronous and pipelined");
}
