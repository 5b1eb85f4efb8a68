#include "synod/actors/role/durable_message.hpp"

#include "harness.hpp"
#include "platter.hpp"

#include "synod/messages/log.capnp.h"

#include <doctest/doctest.h>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  static block_ptr numbered(uint32_t number) {
    builder<schema::Incarnation> x;
    x->setNumber(number);
    return x.finish().content();
  }

  caf::error write(uint32_t number) { return write_in_place(*files, "/data/number", numbered(number)); }

  /// 0: it cannot be read.
  uint32_t read() {
    auto found = read_message<schema::Incarnation>(*files, "/data/number");
    return found ? (*found)->getNumber() : 0;
  }

  void damage(size_t offset) {
    std::vector<std::byte> bytes(1, std::byte{0x77});
    std::span<const std::byte> parts[]{bytes};
    REQUIRE(!(*files->open("/data/number"))->write(offset, parts));
  }

  simulation::platter on{1, 0};
  std::unique_ptr<disk> files = on.plug();
};

} // namespace

TEST_CASE_FIXTURE(fixture, "what is written in place is read back, and needs no room once it is there") {
  REQUIRE(!write(1));
  CHECK(read() == 1);
  on.fill(0);
  CHECK(is_want_of_room(write_message(*files, "/data/other", numbered(1))));
  REQUIRE(!write(2));
  CHECK(read() == 2);
}

TEST_CASE_FIXTURE(fixture, "a file that was written whole is read, and made one that is written in place") {
  REQUIRE(!write_message(*files, "/data/number", numbered(5)));
  CHECK(read() == 5);
  REQUIRE(!write(6));
  CHECK(read() == 6);
  on.fill(0);
  REQUIRE(!write(7));
  CHECK(read() == 7);
}

TEST_CASE_FIXTURE(fixture, "a block that goes bad takes nothing away; two do, and that is noticed") {
  REQUIRE(!write(1));
  REQUIRE(!write(2));
  SUBCASE("the first") {
    damage(20);
    CHECK(read() == 2);
    REQUIRE(!write(3));
    CHECK(read() == 3);
  }
  SUBCASE("the second") {
    damage(copy_unit_bytes + 20);
    CHECK(read() == 2);
  }
  SUBCASE("both") {
    damage(0);
    damage(copy_unit_bytes + 8);
    CHECK(read() == 0);
  }
}

TEST_CASE_FIXTURE(fixture, "a message that has grown gets a larger file, up to the limit of messages, and is read in any case") {
  for (size_t bytes : {10, 4000, 4100, 9000, 4000, 20'000, 40'000, 10}) {
    builder<schema::Identity> grown{bytes + 64};
    grown->setAgreement(std::string(bytes, 'x'));
    REQUIRE(!write_in_place(*files, "/data/grown", grown.finish().content()));
    auto found = read_message<schema::Identity>(*files, "/data/grown");
    REQUIRE(found);
    CHECK((*found)->getAgreement().size() == bytes);
  }
  builder<schema::Identity> too_large{70'000};
  too_large->setAgreement(std::string(70'000, 'x'));
  CHECK(write_in_place(*files, "/data/grown", too_large.finish().content()));
}

TEST_CASE("whenever the power goes, what was told of is there, and nothing that was never written") {
  simulation::random_stream random{1, "in place"};
  fixture x;
  REQUIRE(!x.write(1));
  uint32_t told = 1, interrupted = 0, newer = 0;
  for (int i = 0; i < 1000; ++i) {
    x.files = x.on.plug();
    x.on.behaviour().torn = random.below(2) == 0;
    auto found = x.read();
    REQUIRE(found >= told);
    newer += found > told;
    if (random.below(2) == 0)
      x.on.unplug_after(random.below(5));
    auto failure = x.write(found + 1);
    if (x.on.plugged() && !failure)
      told = found + 1;
    else
      ++interrupted;
    x.on.unplug();
    x.on.cut_power();
  }
  CHECK(interrupted > 100);
  CHECK(newer > 10); // Not told of, and there.
}
