#include "synod/actors/replica/sessions.hpp"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace synod;

namespace {

message<schema::Reply> result_of(size_t bytes) {
  builder<schema::Reply> built;
  auto text = std::string(bytes, 'x');
  built->setBulk(as_data(text));
  return built.finish();
}

} // namespace

TEST_CASE("all sessions together keep so many bytes of results; one that would pass that keeps fewer of its own") {
  session_table subject{1000, 10'000};
  for (uint64_t id : {1, 2, 3})
    subject.open(id, id, true, 0);
  subject.keep(1, 1, result_of(4000));
  subject.keep(2, 1, result_of(3000));
  subject.keep(2, 2, result_of(4000));
  CHECK(subject.result(1, 1));
  CHECK_FALSE(subject.result(2, 1));
  CHECK(subject.result(2, 2));
  subject.keep(3, 1, result_of(5000));
  CHECK_FALSE(subject.result(3, 1));
  SUBCASE("what a session that is closed kept is room for others") {
    subject.close(1);
  }
  SUBCASE("so is that of one that ends") {
    subject.advance(2, 900);
    subject.advance(3, 900);
    subject.expire(1100);
  }
  subject.keep(3, 2, result_of(5000));
  CHECK(subject.result(3, 2));
}

namespace {

/// All that a table holds, in words, as a moment tells it.
std::string told(session_table::moment& of) {
  std::map<uint64_t, std::string> all;
  while (auto next = of.next()) {
    auto& [id, x] = *next;
    auto text = std::to_string(x.number) + " " + std::to_string(x.next_cid) + " " + std::to_string(x.used);
    for (auto& [cid, result] : x.results)
      text += " " + std::to_string(cid) + ":" + std::to_string(result.size_bytes());
    CHECK(all.emplace(id, text).second);
  }
  std::string text;
  for (auto& [id, each] : all)
    text += std::to_string(id) + ": " + each + "\n";
  return text;
}

std::string told(session_table& of) {
  session_table::moment now{of};
  return told(now);
}

} // namespace

TEST_CASE("a moment tells sessions as they were, whatever becomes of them") {
  session_table subject{1000};
  for (uint64_t id = 10; id < 20; ++id) {
    subject.open(100 + id, id, true, 0);
    subject.advance(id, 5);
    subject.keep(id, 1, result_of(id * 10));
  }
  auto then = told(subject);
  session_table::moment moment{subject};
  std::string first;
  SUBCASE("before any was told") {}
  SUBCASE("when some were told") {
    auto one = moment.next();
    REQUIRE(one);
    CHECK(one->first == 10);
    first = then.substr(0, then.find('\n') + 1);
  }
  subject.advance(11, 700);
  subject.keep(11, 2, result_of(5));
  subject.advance(11, 701);
  subject.close(12);
  subject.advance(13, 1500);
  subject.advance(10, 1500);
  subject.open(7, 30, false, 1500);
  subject.expire(1600);
  CHECK(subject.size() == 4);
  CHECK(first + told(moment) == then);
}

TEST_CASE("a table is restored from what a moment told") {
  session_table subject{1000}, other{1000};
  subject.open(7, 10, true, 3);
  subject.open(8, 20, false, 4);
  subject.advance(10, 5);
  subject.keep(10, 1, result_of(100));
  {
    session_table::moment moment{subject};
    while (auto next = moment.next())
      REQUIRE(other.restore(next->first, next->second));
  }
  CHECK(told(other) == told(subject));
  CHECK(other.opened_by(7) == 10);
  CHECK(other.keeps_results(10));
  CHECK_FALSE(other.keeps_results(20));
  CHECK(other.result(10, 1));
  CHECK(other.next_cid(10) == 2);
  CHECK_FALSE(other.restore(10, {}));
  session_table::session again;
  again.number = 8;
  CHECK_FALSE(other.restore(30, again));
}

TEST_CASE("what restored sessions keep counts") {
  session_table subject{1000, 10'000};
  session_table::session x;
  x.number = 1;
  x.keep_results = true;
  x.results.emplace_back(1, result_of(6000));
  REQUIRE(subject.restore(1, x));
  subject.open(2, 2, true, 0);
  subject.keep(2, 1, result_of(5000));
  CHECK_FALSE(subject.result(2, 1));
}
