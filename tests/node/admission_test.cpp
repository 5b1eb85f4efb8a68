#include "synod/actors/node/admission.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace synod;

namespace {

using side = admission::side;

cluster_key key_with(const std::string& name, const std::string& secret = {}) {
  cluster config;
  config.name = name;
  config.secret = secret;
  return key_of(config);
}

/// A connection between two sides, and what went over it.
struct conversation {
  conversation(const cluster_key& of_a, const cluster_key& of_b)
    : a{side::connects, of_a, "a", fresh_random_bytes()}, b{accepting(of_b)} {}

  static admission accepting(const cluster_key& key) { return {side::accepts, key, "b", fresh_random_bytes()}; }

  void run() {
    for (auto turns = 0; turns < 4; ++turns) {
      said_by_a += pass(a, b, kept_for_b);
      said_by_b += pass(b, a, kept_for_a);
    }
  }

  static std::string pass(admission& from, admission& to, std::string& kept) {
    auto bytes = from.output();
    kept += bytes;
    while (to.wants() > 0 && kept.size() >= to.wants()) {
      auto count = to.wants();
      to.input(std::string_view{kept}.substr(0, count));
      kept.erase(0, count);
    }
    return bytes;
  }

  admission a, b;
  std::string said_by_a, said_by_b;
  std::string kept_for_a, kept_for_b;
};

/// Lets it hear these bytes, as far as it wants them, and gives what it says.
std::string hear(admission& subject, std::string_view bytes) {
  std::string said = subject.output();
  while (subject.wants() > 0 && bytes.size() >= subject.wants()) {
    auto count = subject.wants();
    subject.input(bytes.substr(0, count));
    bytes.remove_prefix(count);
    said += subject.output();
  }
  return said;
}

} // namespace

TEST_CASE("two who know the same key take each other, and know each other's names") {
  auto key = key_with("test", "a secret of theirs");
  conversation x{key, key};
  x.run();
  CHECK(x.a.admitted());
  CHECK(x.b.admitted());
  CHECK(x.a.refusal().empty());
  CHECK(x.b.refusal().empty());
  CHECK(x.a.other() == "b");
  CHECK(x.b.other() == "a");
  CHECK(x.a.wants() == 0);
  CHECK(x.said_by_a.size() == admission::hello_bytes + admission::proof_bytes);
  CHECK(x.said_by_b.size() == admission::hello_bytes + admission::verdict_bytes);
  CHECK(x.kept_for_a.empty());
  CHECK(x.kept_for_b.empty());
}

TEST_CASE("two with other keys do not take each other, and both say why") {
  conversation x{key_with("test", "a secret of theirs"), key_with("test", "another secret")};
  x.run();
  for (auto* each : {&x.a, &x.b}) {
    CHECK(!each->admitted());
    CHECK(each->refusal().find("the cluster's secret is another one there") == 0);
  }
}

TEST_CASE("the key is the secret's; without one, the cluster's name's") {
  CHECK(key_with("one", "a secret of theirs") == key_with("other", "a secret of theirs"));
  CHECK(key_with("one", "a secret of theirs") != key_with("one", "a secret of others"));
  CHECK(key_with("one") != key_with("other"));
  CHECK(key_with("one") == key_with("one"));
  CHECK(key_with("one") != key_with("other", "one"));
}

TEST_CASE("what was recorded lets nobody in") {
  auto key = key_with("test", "a secret of theirs");
  conversation x{key, key};
  x.run();
  auto other = conversation::accepting(key);
  hear(other, x.said_by_a);
  CHECK(!other.admitted());
  CHECK(!other.refusal().empty());
  admission connecting{side::connects, key, "a", fresh_random_bytes()};
  hear(connecting, x.said_by_b);
  CHECK(!connecting.admitted());
  CHECK(connecting.refusal() == "it does not prove that it knows the cluster's secret");
}

TEST_CASE("what a side says lets nobody in when it is sent back to it") {
  auto key = key_with("test", "a secret of theirs");
  admission connecting{side::connects, key, "a", fresh_random_bytes()};
  auto hello = connecting.output();
  auto proof = hear(connecting, hello);
  REQUIRE(proof.size() == admission::proof_bytes);
  connecting.input('\0' + proof);
  CHECK(!connecting.admitted());
  auto accepting = conversation::accepting(key);
  auto answer = hear(accepting, hello);
  REQUIRE(answer.size() == admission::hello_bytes);
  CHECK(accepting.wants() == admission::proof_bytes);
  accepting.input(proof); // Over two hellos of one side.
  CHECK(!accepting.admitted());
}

TEST_CASE("whoever does not begin as Synod does is told nothing") {
  auto accepting = conversation::accepting(key_with("test"));
  CHECK(hear(accepting, '\1' + std::string(200, '\0')).empty());
  CHECK(!accepting.admitted());
  CHECK(accepting.wants() == 0);
  CHECK(accepting.refusal() == "what it sends is no greeting of Synod");
}

TEST_CASE("a side proves nothing to one that accepts before that one has proven itself") {
  auto accepting = conversation::accepting(key_with("test"));
  admission connecting{side::connects, key_with("test"), "a", fresh_random_bytes()};
  CHECK(hear(accepting, connecting.output()).size() == admission::hello_bytes);
  CHECK(hear(accepting, std::string(admission::proof_bytes, 'x')) == '\1' + std::string(admission::proof_bytes, '\0'));
  CHECK(!accepting.admitted());
}

TEST_CASE("another version of the greeting is refused by both, and both versions are named") {
  auto key = key_with("test");
  admission connecting{side::connects, key, "a", fresh_random_bytes()};
  auto accepting = conversation::accepting(key);
  auto hello = connecting.output();
  hello[5] = 9;
  auto answer = hear(accepting, hello);
  CHECK(accepting.refusal() == "version 9 of the greeting, expected 2");
  REQUIRE(answer.size() == admission::hello_bytes);
  answer[5] = 9;
  CHECK(hear(connecting, answer).empty());
  CHECK(connecting.refusal() == "version 9 of the greeting, expected 2");
}

TEST_CASE("a changed bit lets nobody in") {
  auto key = key_with("test", "a secret of theirs");
  for (size_t bit = 0; bit < 8 * (admission::hello_bytes + admission::proof_bytes); ++bit) {
    conversation x{key, key};
    auto said = x.a.output();
    auto change = [&](std::string text, size_t begin) {
      if (bit / 8 >= begin && bit / 8 < begin + text.size())
        text[bit / 8 - begin] ^= static_cast<char>(1 << bit % 8);
      return text;
    };
    auto proof = hear(x.a, hear(x.b, change(said, 0)));
    hear(x.b, change(proof, admission::hello_bytes));
    CHECK_MESSAGE(!x.b.admitted(), bit);
  }
}

TEST_CASE("whatever comes, it ends after so many bytes as a greeting has") {
  std::mt19937 random{1};
  for (int run = 0; run < 2000; ++run) {
    auto accepting = conversation::accepting(key_with("test"));
    admission connecting{side::connects, key_with("test"), "a", fresh_random_bytes()};
    size_t heard = 0;
    auto said = run % 2 ? connecting.output() : std::string{};
    while (accepting.wants() > 0) {
      auto text = said.substr(std::min(heard, said.size()), accepting.wants());
      text.resize(accepting.wants());
      for (size_t changes = random() % 3; changes > 0; --changes)
        text[random() % text.size()] = static_cast<char>(random());
      heard += text.size();
      accepting.input(text);
    }
    CHECK(!accepting.admitted());
    CHECK(heard <= admission::hello_bytes + admission::proof_bytes);
  }
}
