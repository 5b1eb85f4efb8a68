#include "platter.hpp"
#include "synod/actors/node/built_in.hpp"
#include "synod/actors/node/cluster_file.hpp"
#include "synod/actors/node/greeting.hpp"

#include <doctest/doctest.h>

using namespace synod;

namespace {

std::shared_ptr<cluster> three_and_a_gateway() {
  auto known = built_in();
  auto read = read_cluster(SYNOD_CONFIG_DIRECTORY "/three-nodes.conf", known);
  REQUIRE(read);
  auto config = std::make_shared<cluster>(*read);
  auto gateway = config->nodes.back();
  gateway.name = "g";
  gateway.id = 77;
  gateway.roles = {"gateway"};
  config->nodes.push_back(gateway);
  return config;
}

/// A node with a data directory of its own.
struct side {
  side(const std::string& name, uint64_t token, std::shared_ptr<const cluster> config = three_and_a_gateway())
    : name_{name}, files_{on_.plug()} {
    REQUIRE(!known->open(*files_, "/data"));
    subject = std::make_unique<greeting>(config, config->find(name)->id, token, known);
  }

  void met(const known_nodes::tokens& told) { REQUIRE(!known->remember_now(*files_, told)); }
  /// Why it does not take the other one.
  std::string judge(const side& other) const { return subject->refusal_of(*other.subject->asking()); }

  std::shared_ptr<known_nodes> known = std::make_shared<known_nodes>();
  std::unique_ptr<greeting> subject;

private:
  std::string name_;
  simulation::platter on_{1, 0};
  std::unique_ptr<disk> files_;
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("nodes that have never met take each other, and tell their data directories") {
  side a{"a", 5}, b{"b", 7};
  CHECK(a.judge(b).empty());
  CHECK(b.judge(a).empty());
  b.met({{"c", 9}});
  CHECK(a.subject->told_by(*b.subject->asking()) == known_nodes::tokens{{"b", 7}, {"c", 9}});
}

TEST_CASE("what brings roles says so") {
  side a{"a", 5};
  CHECK_FALSE(a.subject->asking()->getTakes());
  auto taking = a.subject->taking({"leader", "acceptor"});
  CHECK(taking->getTakes());
  CHECK(taking->getRoles()[1] == "acceptor");
}

TEST_CASE("a node with another data directory than before is refused, and does not take those who know that") {
  side a{"a", 5}, emptied{"b", 8};
  a.met({{"b", 7}});
  CHECK(has(a.judge(emptied), "data directory of node 'b' is another one (0000000000000008) than before (0000000000000007)"));
  CHECK(has(emptied.judge(a), "it knows this node otherwise: the data directory of node 'b' is another one"));
}

TEST_CASE("a node that knows a third one otherwise is refused, by both") {
  side a{"a", 5}, b{"b", 7};
  a.met({{"c", 9}});
  b.met({{"c", 10}});
  CHECK(has(a.judge(b), "it knows node 'c' otherwise"));
  CHECK(has(b.judge(a), "it knows node 'c' otherwise"));
}

TEST_CASE("a node that neither promises nor accepts may begin anew") {
  side a{"a", 5}, g{"g", 1}, again{"g", 2};
  CHECK(a.subject->told_by(*g.subject->asking()).empty());
  CHECK(a.judge(g).empty());
  CHECK(a.judge(again).empty());
}

TEST_CASE("a node of another cluster, file or version, and one that is not in the file, are refused") {
  auto changed = [](void (*change)(cluster&)) {
    auto config = three_and_a_gateway();
    change(*config);
    return config;
  };
  side a{"a", 5};
  CHECK(has(a.judge({"b", 7, changed([](cluster& x) { x.name = "other"; })}), "cluster 'other'"));
  CHECK(has(a.judge({"b", 7, changed([](cluster& x) { x.nodes[2].roles = {"gateway"}; })}), "the cluster files differ"));
  CHECK(has(a.judge({"z", 7, changed([](cluster& x) { x.nodes[1].name = "z"; })}), "'z' is not another node"));
  CHECK(has(a.judge(a), "'a' is not another node"));
  builder<schema::Hello> old;
  old->setVersion(greeting::protocol_version - 1);
  CHECK(has(a.subject->refusal_of(*old.finish()), "protocol version"));
}

TEST_CASE("who is refused tells it on") {
  side a{"a", 5}, b{"b", 7};
  CHECK(a.subject->refusal_of(*b.subject->refusing("no")) == "it says: no");
}

TEST_CASE("what a greeting tells of nodes that are not in the file is left out") {
  side a{"a", 5}, b{"b", 7};
  b.met({{"nobody", 9}, {"a", 5}, {"g", 3}});
  CHECK(a.subject->told_by(*b.subject->asking()) == known_nodes::tokens{{"b", 7}});
}

TEST_CASE("who knows of later configurations is taken, and so is one that joins, or was removed; a stranger is not") {
  auto begun = three_and_a_gateway();
  auto later = std::make_shared<cluster>(*begun);
  auto nodes = later->members().latest().nodes();
  std::erase_if(nodes, [](auto& x) { return x.name == "c"; });
  nodes.push_back({78, "d", "127.0.0.1", 7309, {"acceptor", "leader", "replica"}, 1});
  later->decided = later->members();
  later->decided.add({1, nodes}, 300);
  auto description = later->nodes[0];
  description.name = "d";
  description.id = 78;
  later->nodes.push_back(description);
  side a{"a", 5, begun}, b{"b", 7, later}, c{"c", 9, begun}, d{"d", 11, later};
  CHECK(a.judge(b).empty());
  CHECK(b.judge(a).empty());
  CHECK(a.judge(d).empty()); // It knows of a configuration that has got it.
  CHECK(b.judge(c).empty()); // It was removed, and does not know that.
  b.met({{"c", 10}});
  CHECK(has(b.judge(c), "data directory of node 'c' is another one"));
  auto joining = std::make_shared<cluster>(*begun);
  joining->decided = begun->members();
  description.name = "e";
  description.id = 79;
  joining->nodes.push_back(description);
  side e{"e", 13, joining};
  CHECK(e.subject->asking()->getJoins());
  CHECK(a.judge(e).empty());
  CHECK(e.judge(a).empty());
  auto named = std::make_shared<cluster>(*begun);
  named->nodes.push_back(description);
  side stranger{"e", 13, named};
  CHECK(has(a.judge(stranger), "is not another node of the cluster file"));
}

TEST_CASE("what another cluster of that name has decided is not believed") {
  auto begun = three_and_a_gateway();
  auto foreign = std::make_shared<cluster>(*begun);
  auto nodes = foreign->members().latest().nodes();
  nodes[0].roles = {"acceptor"};
  foreign->decided = configurations{configuration{0, nodes}};
  foreign->decided.add({1, begun->members().latest().nodes()}, 300);
  side a{"a", 5, begun}, b{"b", 7, foreign};
  CHECK(has(a.judge(b), "is not of one cluster"));
  CHECK(has(b.judge(a), "is not of one cluster"));
}
