#include "synod/actors/acceptor/room.hpp"

#include <doctest/doctest.h>

using namespace synod;

TEST_CASE("a disk is full with less room than the reserve, and has room again with an eighth more") {
  room subject{800};
  CHECK_FALSE(subject.full());
  CHECK_FALSE(subject.free_bytes());
  subject.seen(800);
  CHECK_FALSE(subject.full());
  subject.seen(799);
  CHECK(subject.full());
  CHECK(subject.free_bytes() == 799u);
  subject.seen(899);
  CHECK(subject.full());
  subject.seen(900);
  CHECK_FALSE(subject.full());
}

TEST_CASE("without a reserve a disk is full only while a segment cannot be made") {
  room subject{0};
  subject.seen(0);
  CHECK_FALSE(subject.full());
  subject.lacks_segment(true);
  CHECK(subject.full());
  subject.seen(1 << 30);
  CHECK(subject.full());
  subject.lacks_segment(false);
  CHECK_FALSE(subject.full());
}

TEST_CASE("that a disk is full is told once, and once that it is not any more") {
  room subject{100};
  subject.seen(1000);
  CHECK_FALSE(subject.take_change());
  subject.seen(10);
  CHECK(subject.take_change() == true);
  subject.lacks_segment(true);
  CHECK_FALSE(subject.take_change());
  subject.seen(1000);
  CHECK_FALSE(subject.take_change());
  subject.lacks_segment(false);
  CHECK(subject.take_change() == false);
  CHECK_FALSE(subject.take_change());
}
