#include "synod/actors/replica/key_value/entry.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

using namespace synod::key_value;

namespace {

void assign(entry& x, std::string_view value) {
  std::copy(value.begin(), value.end(), x.resize(value.size()));
}

} // namespace

TEST_CASE("an entry has its key, its value, its version and its deadline") {
  for (size_t key_size : {0, 1, 16, 32766, 32767, 32768, 1 << 20})
    for (auto may_expire : {false, true}) {
      CAPTURE(key_size);
      std::string key(key_size, 'k'), value(100, 'v');
      auto x = entry::make(key, value.size(), may_expire);
      CHECK(x->key() == key);
      CHECK(x->value().empty());
      CHECK(x->version() == 0);
      CHECK(x->may_expire() == may_expire);
      CHECK(x->expires() == 0);
      CHECK(x->held_bytes() >= x->size_with(value.size()));
      assign(*x, value);
      x->version(entry::most_version);
      if (may_expire)
        x->expires(INT64_MAX);
      CHECK(x->key() == key);
      CHECK(x->value() == value);
      CHECK(x->version() == entry::most_version);
      CHECK(x->may_expire() == may_expire);
      CHECK(x->expires() == (may_expire ? INT64_MAX : 0));
    }
}

TEST_CASE("a version is given another one, and a value another size") {
  auto x = entry::make("key", 10, true);
  x->version(entry::most_version);
  x->version(uint64_t{1} << 33);
  CHECK(x->version() == uint64_t{1} << 33);
  x->version(7);
  CHECK(x->version() == 7);
  assign(*x, "0123456789");
  assign(*x, "ab");
  CHECK(x->value() == "ab");
  CHECK(x->key() == "key");
}

TEST_CASE("a small entry takes twelve bytes beside its key and its value") {
  auto x = entry::make("0123456789abcdef", 100, false);
  CHECK(x->size_with(100) == 128);
  CHECK(entry::make("k", 1, true)->size_with(1) == 12 + 8 + 2);
}
