#include "../../apps/synod-ctl/download.hpp"

#include "synod/actors/replica/snapshot_serving.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace synod;
using ctl::download;
using outcome = ctl::download::outcome;

namespace {

struct piece {
  node_id node = 2;
  log_token token = 99;
  slot_number slot_out = 12;
  uint64_t file_bytes = 6;
  uint64_t offset = 0;
  std::string bytes = "abcd";
  bool damaged = false;
};

message<schema::SnapshotChunk> chunk(const piece& x) {
  builder<schema::SnapshotChunk> built;
  built->setNode(x.node);
  built->setToken(x.token);
  built->setSlotOut(x.slot_out);
  built->setFileBytes(x.file_bytes);
  built->setOffset(x.offset);
  built->setBytes(as_data(x.bytes));
  built->setChecksum(chunk_checksum(as_data(x.bytes), x.token, x.offset) ^ (x.damaged ? 1 : 0));
  return built.finish();
}

struct fixture {
  outcome take(const piece& x) { return subject.take(*chunk(x)); }
  outcome take_nothing() { return take({.token = 0, .bytes = ""}); }

  message<schema::AskSnapshot> asked() {
    builder<schema::AskSnapshot> x;
    subject.write(*x);
    return x.finish();
  }

  download subject{2, 10};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a snapshot that is recent enough is fetched piece by piece, each once") {
  CHECK(asked()->getAbove() == 9);
  CHECK(asked()->getToken() == 0);
  CHECK(take_nothing() == outcome::nothing);
  CHECK_FALSE(subject.begun());
  CHECK(take({}) == outcome::taken);
  CHECK(subject.slot_out() == 12);
  CHECK(asked()->getToken() == 99);
  CHECK(asked()->getOffset() == 4);
  CHECK(take({}) == outcome::useless); // Asked for twice.
  CHECK_FALSE(subject.complete());
  CHECK(take({.offset = 4, .bytes = "ef"}) == outcome::taken);
  CHECK(subject.complete());
}

TEST_CASE_FIXTURE(fixture, "what does not fit is not taken") {
  for (auto& each : {piece{.node = 3}, piece{.slot_out = 9}, piece{.file_bytes = 3}, piece{.offset = 8}, piece{.bytes = ""},
                     piece{.damaged = true}}) {
    CHECK(take(each) == outcome::useless);
    CHECK_FALSE(subject.begun());
  }
}

TEST_CASE_FIXTURE(fixture, "a snapshot that goes away while it is fetched is not waited for") {
  REQUIRE(take({}) == outcome::taken);
  CHECK(take({.token = 7, .offset = 4, .bytes = "ef"}) == outcome::failed);
  CHECK(take_nothing() == outcome::failed);
}
