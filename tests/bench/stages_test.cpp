#include "stages.hpp"

#include "harness.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace synod;
using namespace synod::test;

namespace {

struct fixture {
  fixture() { subject.begin(); }

  std::map<std::string, uint64_t> counts() const {
    std::map<std::string, uint64_t> all;
    for (auto& each : subject.found())
      all[each.name] = each.times.count();
    return all;
  }
  static caf::message p2b(node_id from, slot_number slot) {
    builder<schema::P2b> built;
    built->setAcceptor(from);
    built->initSlots(1).set(0, slot);
    return caf::make_message(built.finish());
  }
  static caf::message responses(uint64_t session, uint64_t first, uint32_t count) {
    builder<schema::Responses> built;
    built->setSession(session);
    built->setFirstCid(first);
    built->setAnswered(count);
    built->initReplies(count);
    return caf::make_message(built.finish());
  }
  /// A request of two commands, all the way to the decision of slot 5.
  void decide() {
    auto request = request_of(9, 1, {{"SET", "k", "v"}, {"SET", "l", "v"}});
    subject.to_client(77, caf::make_message(perform_atom_v, message<schema::Operations>{}));
    subject.to_replica(1, caf::make_message(request), 77);
    subject.to_replica(1, caf::make_message(request), 77); // Asked again.
    auto pvalue = pvalue_of({0, 1}, 5, {request});
    subject.to_leader(caf::make_message(propose_atom_v, pvalue, uint64_t{0}));
    for (node_id each : {1, 2, 3})
      subject.to_acceptor(each, caf::make_message(p2a_atom_v, pvalue, uint64_t{0}));
    subject.to_leader(p2b(1, 5));
    subject.to_leader(p2b(3, 5));
    subject.to_replica(1, caf::make_message(decision_atom_v, pvalue, uint64_t{0}), 5);
    subject.to_replica(2, caf::make_message(decision_atom_v, pvalue, uint64_t{0}), 5); // Nobody asked that one.
    subject.to_leader(p2b(2, 5));
  }

  bench::stages subject{"client", {1, 2, 3}, 2, 1};
};

} // namespace

TEST_CASE_FIXTURE(fixture, "a write is followed from its client to its slot and back; commands count, or slots") {
  decide();
  subject.to_client(77, responses(9, 1, 1));
  subject.to_client(77, responses(9, 2, 1));
  subject.to_client(77, responses(9, 1, 2)); // Once more.
  subject.answered(77, 2);
  CHECK(counts()
        == std::map<std::string, uint64_t>{{"client", 2},
                                           {"batch wait", 2},
                                           {"propose", 1},
                                           {"durable at node 1", 1},
                                           {"durable at node 2", 1},
                                           {"durable at node 3", 1},
                                           {"decide", 1},
                                           {"apply", 2},
                                           {"reply", 2}});
}

TEST_CASE_FIXTURE(fixture, "what comes while nothing is measured does not count") {
  subject.end();
  decide();
  CHECK(counts().empty());
}

TEST_CASE_FIXTURE(fixture, "what was not seen to begin has no stages") {
  subject.to_leader(p2b(1, 8));
  subject.to_acceptor(1, caf::make_message(p2a_atom_v, pvalue_of({0, 1}, 8), uint64_t{0}));
  subject.to_client(77, responses(9, 1, 1));
  subject.to_replica(1, caf::make_message(decision_atom_v, pvalue_of({0, 1}, 8), uint64_t{0}), 5);
  CHECK(counts().empty());
}
