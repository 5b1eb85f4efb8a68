#include "fresh_state.hpp"
#include "harness.hpp"

#include <doctest/doctest.h>

#include <deque>

using namespace synod;
using namespace synod::test;

namespace {

struct told : execution::listener {
  void on_opened(uint64_t number, std::optional<uint64_t> session) override { opened.emplace_back(number, session.value_or(0)); }
  bool on_turn(uint64_t session) override { return session == waits; }
  bool has_room() override { return room; }
  void send(builder<schema::Responses>& part) override { replies.push_back(part.finish()); }
  void on_performed(uint64_t session) override { performed.push_back(session); }
  void on_skipped(uint64_t session, session_table::turn turn) override { skipped.emplace_back(session, turn); }

  uint64_t waits = 0;
  bool room = true;
  std::vector<std::pair<uint64_t, uint64_t>> opened;
  std::vector<message<schema::Responses>> replies;
  std::vector<uint64_t> performed;
  std::vector<std::pair<uint64_t, session_table::turn>> skipped;
};

struct answered : reply_sink<query_format> {
  bool has_room() override { return parts.size() < most; }
  void send(builder<schema::Answers>& part) override { parts.push_back(part.finish()); }
  size_t most = SIZE_MAX;
  std::vector<message<schema::Answers>> parts;
};

struct fixture {
  void perform(std::vector<message<schema::Request>> requests, int64_t time = 0) {
    subject.perform(pvalue_of({1, 0, 1}, subject.slot_out(), std::move(requests), time), heard);
  }

  execution subject{fresh()};
  told heard;
};

constexpr uint64_t first_session = most_requests;

} // namespace

TEST_CASE_FIXTURE(fixture, "a session's id is its slot and the place of its opening in the batch") {
  perform({open_request(5), open_request(6)});
  perform({open_request(7), open_request(5)});
  using opened = std::vector<std::pair<uint64_t, uint64_t>>;
  CHECK(heard.opened == opened{{5, first_session}, {6, first_session + 1}, {7, 2 * most_requests}, {5, first_session}});
  CHECK(subject.slot_out() == 3);
}

TEST_CASE_FIXTURE(fixture, "replies are built only for those who wait, and are the same for them") {
  perform({open_request(5), open_request(6)});
  heard.waits = first_session + 1;
  perform({request_of(first_session, 1, {{"INCR", "n"}}), request_of(first_session + 1, 1, {{"INCR", "n"}, {"INCR", "n"}})});
  REQUIRE(heard.replies.size() == 1);
  CHECK(heard.replies[0]->getSession() == first_session + 1);
  CHECK(heard.replies[0]->getFirstCid() == 1);
  CHECK(heard.replies[0]->getReplies()[1].getInteger() == 3);
  CHECK(heard.performed == std::vector<uint64_t>{first_session, first_session + 1});
}

TEST_CASE_FIXTURE(fixture, "of a request that was performed in part the rest is performed") {
  perform({open_request(5)});
  heard.waits = first_session;
  perform({request_of(first_session, 1, {{"INCR", "n"}, {"INCR", "n"}})});
  perform({request_of(first_session, 2, {{"INCR", "n"}, {"INCR", "n"}})});
  REQUIRE(heard.replies.size() == 2);
  CHECK(heard.replies[1]->getFirstCid() == 3);
  CHECK(heard.replies[1]->getReplies()[0].getInteger() == 3);
  CHECK(subject.commands_performed() == 3);
  CHECK(subject.commands_skipped() == 1);
}

TEST_CASE_FIXTURE(fixture, "a request was performed when its last command was, not when its first one was") {
  perform({open_request(5), request_of(first_session, 1, {{"INCR", "n"}})});
  CHECK(subject.is_performed(*request_of(first_session, 1, {{"INCR", "n"}})));
  CHECK_FALSE(subject.is_performed(*request_of(first_session, 1, {{"INCR", "n"}, {"INCR", "n"}})));
}

TEST_CASE_FIXTURE(fixture, "what is not a session's turn is skipped, and told") {
  using turn = session_table::turn;
  perform({open_request(5), request_of(first_session, 2, {{"INCR", "n"}}), request_of(99, 1, {{"INCR", "n"}}),
           request_of(first_session, 1, {{"INCR", "n"}}), request_of(first_session, 1, {{"INCR", "n"}})});
  using skipped = std::vector<std::pair<uint64_t, turn>>;
  CHECK(heard.skipped == skipped{{first_session, turn::too_early}, {99, turn::unknown}, {first_session, turn::performed}});
  CHECK(subject.commands_performed() == 1);
}

TEST_CASE_FIXTURE(fixture, "nothing of a session is performed behind the opening of the one that replaces it") {
  using turn = session_table::turn;
  perform({open_request(5), open_request(6)});
  auto before = request_of(first_session, 1, {{"INCR", "n"}});
  perform({open_request(7, false, first_session), before});
  CHECK(heard.opened.back() == std::pair<uint64_t, uint64_t>{7, 2 * most_requests});
  CHECK(heard.skipped == std::vector<std::pair<uint64_t, turn>>{{first_session, turn::unknown}, {first_session, turn::unknown}});
  CHECK(subject.commands_performed() == 0);
  CHECK(subject.sessions().size() == 2);
  // Once more it opens nothing else, and ends nothing else.
  perform({request_of(2 * most_requests, 1, {{"INCR", "n"}}), open_request(7, false, first_session)});
  CHECK(heard.opened.back() == std::pair<uint64_t, uint64_t>{7, 2 * most_requests});
  CHECK(subject.sessions().next_cid(2 * most_requests) == 2);
  CHECK(heard.skipped.size() == 2);
}

TEST_CASE_FIXTURE(fixture, "a session that is replaced makes room for the one that replaces it") {
  std::vector<message<schema::Request>> all;
  for (uint64_t number = 1; number <= session_table::limit; ++number)
    all.push_back(open_request(number));
  perform(all);
  perform({open_request(100'000)});
  CHECK(heard.opened.back().second == 0);
  perform({open_request(100'000, false, first_session)});
  CHECK(heard.opened.back().second == 3 * most_requests);
}

TEST_CASE_FIXTURE(fixture, "a transaction is performed only if none of its watched keys has changed, not even the last one") {
  perform({open_request(5), request_of(first_session, 1, {{"SET", "a", "1"}, {"SET", "b", "1"}})}); // Versions 1 and 2.
  heard.waits = first_session;
  auto is_performed = [&](uint64_t cid, uint64_t version_of_b) {
    operation_writer transaction;
    transaction.transaction(watched_keys{{"a", 1}, {"b", version_of_b}}, command_list{});
    perform({request_of(first_session, cid, transaction)});
    return heard.replies.back()->getReplies()[0].isArray();
  };
  CHECK_FALSE(is_performed(3, 1));
  CHECK(is_performed(4, 2));
}

TEST_CASE_FIXTURE(fixture, "a client without room is told that its commands were performed") {
  perform({open_request(5)});
  heard.waits = first_session;
  heard.room = false;
  perform({request_of(first_session, 1, {{"SET", "k", "v"}, {"GET", "k"}})});
  REQUIRE(heard.replies.size() == 1);
  CHECK(heard.replies[0]->getAnswered() == 2);
  CHECK(std::string{heard.replies[0]->getReplies()[1].getError().cStr()} == commands_format::no_room);
  CHECK(subject.commands_performed() == 2);
}

TEST_CASE_FIXTURE(fixture, "a query goes on where its client had no more room; versions are told with what they are of") {
  perform({open_request(5), request_of(first_session, 1, {{"SET", "k", std::string(2 << 20, 'x')}})});
  auto asked = query_of(3, {{"GET", "k"}, {"GET", "k"}, {"GET", "k"}});
  answered sink;
  sink.most = 2;
  CHECK(subject.answer(*asked, 0, sink) == 2);
  sink.most = 9;
  CHECK(subject.answer(*asked, 2, sink) == 3);
  REQUIRE(sink.parts.size() == 3);
  CHECK(sink.parts[2]->getFirst() == 2);
  CHECK(sink.parts[2]->getAnswered() == 1);
  builder<schema::Query> with_versions{256};
  operation_writer operations;
  operations.command({"GET", "k"});
  operations.versions({"k"});
  operations.write(with_versions->initOperations());
  answered full;
  full.most = 0;
  CHECK(subject.answer(*with_versions.finish(), 0, full) == 2);
}

TEST_CASE_FIXTURE(fixture, "log time is the highest that a batch carries, and ends sessions") {
  perform({open_request(5)}, 5000);
  perform({}, 4000);
  CHECK(subject.state().log_time == 5000);
  perform({}, 6001);
  CHECK(subject.sessions().size() == 0);
}

TEST_CASE_FIXTURE(fixture, "a session that has ended by time leaves its number free") {
  perform({open_request(5)});
  perform({open_request(5)}, 2000);
  CHECK(heard.opened.back() == std::pair<uint64_t, uint64_t>{5, 2 * most_requests});
}

TEST_CASE_FIXTURE(fixture, "sessions are looked at once per hundredth of their lifetime, which log time alone tells") {
  perform({open_request(5)});
  perform({}, 995);
  perform({}, 1004);
  CHECK(subject.sessions().size() == 1);
  perform({}, 1005);
  CHECK(subject.sessions().size() == 0);
}

TEST_CASE_FIXTURE(fixture, "a session keeps its last results, and not more than so many") {
  perform({open_request(5, true)});
  perform({request_of(first_session, 1, std::vector<std::vector<std::string>>(session_table::results_limit + 1, {"INCR", "n"}))});
  CHECK_FALSE(subject.sessions().result(first_session, 1));
  CHECK(subject.sessions().result(first_session, 2)->getInteger() == 2);
  CHECK(subject.sessions().result(first_session, session_table::results_limit + 1));
}

TEST_CASE_FIXTURE(fixture, "a reply has a limit, and one that is above it takes nothing from those beside it") {
  perform({open_request(5), request_of(first_session, 1, {{"SET", "k", std::string(7u << 20, 'x')}})});
  heard.waits = first_session;
  std::vector<std::string> mget{"MGET"};
  mget.insert(mget.end(), 60, "k");
  perform({request_of(first_session, 2, {{"INCR", "n"}, mget, {"INCR", "n"}})});
  std::vector<schema::Reply::Reader> replies;
  for (auto& part : heard.replies) {
    CHECK(part.size_bytes() < 1u << 20);
    for (unsigned i = 0; i < part->getAnswered(); ++i)
      replies.push_back(part->getReplies()[i]);
  }
  REQUIRE(replies.size() == 3);
  CHECK(replies[0].getInteger() == 1);
  CHECK(std::string{replies[1].getError().cStr()} == commands_format::too_large);
  CHECK(replies[2].getInteger() == 2);
}

TEST_CASE_FIXTURE(fixture, "the same for reads: what fits is answered") {
  perform({open_request(5), request_of(first_session, 1, {{"SET", "k", std::string(7u << 20, 'x')}})});
  answered sink;
  auto mget = [](size_t keys) {
    std::vector<std::string> command{"MGET"};
    command.insert(command.end(), keys, "k");
    return command;
  };
  auto asked = query_of(1, {{"STRLEN", "k"}, mget(8), mget(9), mget(200'000), {"STRLEN", "k"}});
  CHECK(subject.answer(*asked, 0, sink) == 5);
  std::vector<schema::Reply::Reader> replies;
  for (auto& part : sink.parts)
    for (unsigned i = 0; i < part->getAnswered(); ++i)
      replies.push_back(part->getReplies()[i]);
  REQUIRE(replies.size() == 5);
  CHECK(replies[1].getArray().size() == 8);
  CHECK(replies[2].isError());
  CHECK(std::string{replies[3].getError().cStr()} == query_format::too_large);
  CHECK(replies[4].getInteger() == 7 << 20);
}

TEST_CASE("results that are kept have a limit, the same whether or not somebody waits") {
  auto kept = [](bool waits, size_t bytes) {
    fixture one;
    one.perform({open_request(5, true), request_of(first_session, 1, {{"SET", "k", std::string(bytes, 'x')}})});
    one.heard.waits = waits ? first_session : 0;
    one.perform({request_of(first_session, 2, {{"GETSET", "k", "y"}})});
    if (waits)
      CHECK(one.heard.replies.at(0)->getReplies()[0].getBulk().size() == bytes);
    return bool{one.subject.sessions().result(first_session, 2)};
  };
  for (auto bytes : {session_table::result_limit_bytes - 100, session_table::result_limit_bytes + 1, size_t{4} << 20})
    CHECK(kept(true, bytes) == kept(false, bytes));
  CHECK(kept(false, session_table::result_limit_bytes - 100));
  CHECK_FALSE(kept(false, session_table::result_limit_bytes + 1));
}

namespace {

/// Hears which commands it is to foresee before it performs them.
class foreseeing : public key_value::machine {
public:
  foreseeing() : machine{limits{}, 1} {}
  void foresee(std::span<const arguments> commands) const override {
    most = std::max(most, commands.size());
    for (auto& each : commands)
      foreseen.emplace_back(each[0]);
  }
  void apply(arguments command, reply) override {
    REQUIRE_FALSE(foreseen.empty());
    CHECK(foreseen.front() == command[0]);
    foreseen.pop_front();
    ++performed;
  }

  mutable std::deque<std::string> foreseen;
  mutable size_t most = 0;
  size_t performed = 0;
};

} // namespace

TEST_CASE("a state machine foresees each command that it performs, some at a time") {
  auto state = fresh();
  auto owned = std::make_unique<foreseeing>();
  auto& machine = *owned;
  state.machine = std::move(owned);
  execution subject{std::move(state)};
  told heard;
  operation_writer operations;
  for (int i = 0; i < 40; ++i) {
    operations.command({std::to_string(i)});
    operations.keep_alive();
  }
  subject.perform(pvalue_of({1, 0, 1}, 1, {open_request(5), request_of(first_session, 1, operations)}), heard);
  CHECK(machine.performed == 40);
  CHECK(machine.foreseen.empty());
  CHECK(machine.most > 1);
  CHECK(machine.most <= state_machine::most_foreseen);
}
