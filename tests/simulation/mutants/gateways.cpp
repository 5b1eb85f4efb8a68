// Wrong gateways.
#include "simulation/mutants.hpp"
#include "simulation/rewriting.hpp"

#include "synod/actors/gateway/gateway.hpp"
#include "synod/actors/gateway/gateway_role.hpp"

#include <map>

namespace synod::test {

namespace {

/// A gateway whose messages a filter alters.
template <class Filter>
role_definition gateway_variant() {
  auto role = gateway_role();
  role.spawn = [](const role_context& context) { return spawn_gateway<rewriting<gateway, Filter>>(context); };
  return role;
}

/// Gives the first two commands of a message each other's replies.
struct mixes_replies_up {
  std::optional<caf::message> operator()(gateway&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* responses = part<message<schema::Responses>>(content);
    if (!responses || (*responses)->getAnswered() < 2)
      return content;
    builder<schema::Responses> mixed{(*responses).size_bytes()};
    mixed->setSession((*responses)->getSession());
    mixed->setFirstCid((*responses)->getFirstCid());
    mixed->setAnswered((*responses)->getAnswered());
    mixed->setMark((*responses)->getMark());
    auto from = (*responses)->getReplies();
    auto replies = mixed->initReplies(from.size());
    for (unsigned i = 0; i < from.size(); ++i)
      replies.setWithCaveats(i, from[i < 2 ? 1 - i : i]);
    return caf::make_message(mixed.finish());
  }
};

/// Tells clients that everything was performed up to a command that the replica has refused.
struct takes_refused_for_performed {
  std::optional<caf::message> operator()(gateway&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* responses = part<message<schema::Responses>>(content);
    if (!responses)
      return content;
    auto& first_waiting = first_waiting_[(*responses)->getSession()];
    auto end = (*responses)->getFirstCid() + ((*responses)->getRefused() ? 1 : (*responses)->getAnswered());
    auto first = std::exchange(first_waiting, std::max(first_waiting, end));
    if (!(*responses)->getRefused() || first >= end)
      return content;
    builder<schema::Responses> performed;
    performed->setSession((*responses)->getSession());
    performed->setFirstCid(first);
    performed->setAnswered(static_cast<uint32_t>(end - first));
    for (auto each : performed->initReplies(performed->getAnswered()))
      each.setStatus("OK");
    return caf::make_message(performed.finish());
  }

  std::map<uint64_t, uint64_t> first_waiting_; // session to cid; 0: no reply has come yet
};

/// Answers reads with what the query before them was answered.
struct answers_with_earlier_reads {
  std::optional<caf::message> operator()(gateway&, const caf::message& content, const caf::strong_actor_ptr&) {
    auto* answers = part<message<schema::Answers>>(content);
    if (!answers || (*answers)->getRefused())
      return content;
    auto before = std::exchange(earlier_, *answers);
    if (!before || before->getReplies().size() != (*answers)->getReplies().size())
      return content;
    builder<schema::Answers> stale{before.size_bytes()};
    stale->setNumber((*answers)->getNumber());
    stale->setFirst((*answers)->getFirst());
    stale->setAnswered((*answers)->getAnswered());
    stale->setMark((*answers)->getMark());
    stale->setReplies(before->getReplies());
    return caf::make_message(stale.finish());
  }

  message<schema::Answers> earlier_;
};

} // namespace

std::vector<mutant> wrong_gateways() {
  return {
    {"mixes-replies", "a gateway gives two commands each other's replies", gateway_variant<mixes_replies_up>},
    {"refused-as-performed", "a gateway takes commands up to a refused one for performed",
     gateway_variant<takes_refused_for_performed>},
    {"stale-reads", "a gateway answers reads with earlier answers", gateway_variant<answers_with_earlier_reads>},
  };
}

} // namespace synod::test
