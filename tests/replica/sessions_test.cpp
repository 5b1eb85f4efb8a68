#include "synod/actors/replica/sessions.hpp"

#include <doctest/doctest.h>

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
