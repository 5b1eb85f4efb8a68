#include "stages.hpp"

#include "synod/messages/roles.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace synod::bench {

namespace {

double microseconds(stages::clock::duration x) {
  return std::chrono::duration<double, std::micro>(x).count();
}

/// The message at `index`, if it is one of that type.
template <class T>
const T* part(const caf::message& content, size_t index = 0) {
  return index < content.size() && content.match_element<T>(index) ? &content.get_as<T>(index) : nullptr;
}

} // namespace

stages::stages(const std::string& asks, std::vector<node_id> nodes, size_t accepts, node_id here)
  : nodes_{std::move(nodes)}, accepts_{accepts}, here_{here} {
  stages_ = {{asks}, {"batch wait"}, {"propose"}};
  for (auto each : nodes_)
    stages_.push_back({fmt::format("durable at node {}", each)});
  stages_.push_back({"decide"});
  stages_.push_back({"apply"});
  stages_.push_back({"reply"});
}

void stages::begin() {
  std::lock_guard guard{mutex_};
  counts_ = true;
}

void stages::end() {
  std::lock_guard guard{mutex_};
  counts_ = false;
}

void stages::note(size_t which, clock::time_point from, clock::time_point to, uint64_t times) {
  if (!counts_ || from == clock::time_point{} || to < from)
    return;
  for (; times > 0; --times)
    stages_[which].times.add(microseconds(to - from));
}

// -- clients ----------------------------------------------------------------------

void stages::to_client(caf::actor_id client, const caf::message& what) {
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  if (what.size() == 2 && what.match_element<perform_atom>(0))
    asked_[client].push_back(now);
  if (auto* told = part<message<schema::Responses>>(what)) {
    responses_[client] = now;
    note_answers(*told, now);
  }
}

void stages::answered(caf::actor_id client, size_t count) {
  std::lock_guard guard{mutex_};
  note(reply(), responses_[client], clock::now(), count);
}

void stages::to_gateway(const caf::message& what) {
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  auto* told = part<message<schema::Responses>>(what);
  gateways_responses_ = told ? now : clock::time_point{};
  if (told)
    note_answers(*told, now);
}

void stages::to_gateways_sockets() {
  std::lock_guard guard{mutex_};
  gateways_responses_ = {};
  if (turn_ == clock::time_point{})
    turn_ = clock::now();
}

void stages::gateways_turn_ends() {
  std::lock_guard guard{mutex_};
  turn_ = {};
}

void stages::gateway_answers() {
  std::lock_guard guard{mutex_};
  note(reply(), gateways_responses_, clock::now());
}

void stages::note_answers(const message<schema::Responses>& told, clock::time_point now) {
  auto session = told->getSession(), first = told->getFirstCid(), end = first + told->getAnswered();
  for (auto i = requests_.lower_bound({session, 0});
       i != requests_.end() && i->first.first == session && i->first.second < end;) {
    auto& x = i->second;
    auto upto = std::min(end, x.end_cid);
    if (auto decided = slots_.find(x.slot); decided != slots_.end() && upto > x.next_cid)
      note(apply(), decided->second.at_replica, now, upto - x.next_cid);
    x.next_cid = std::max(x.next_cid, upto);
    i = x.next_cid == x.end_cid ? requests_.erase(i) : std::next(i);
  }
}

// -- slots ------------------------------------------------------------------------

void stages::to_replica(node_id node, const caf::message& what, caf::actor_id from) {
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  if (auto* asked = part<message<schema::Request>>(what); asked && node == here_ && (*asked)->isCommands()) {
    auto commands = (*asked)->getCommands();
    auto count = commands.getOperations().getCount();
    auto first = commands.getFirstCid();
    auto fresh = requests_.size() < most_slots
                 && requests_.try_emplace({commands.getSession(), first}, request{now, first, first + count}).second;
    if (auto waits = asked_.find(from); !fresh) {
      return; // It was asked again.
    } else if (waits == asked_.end()) {
      note(way_in, turn_, now, count);
    } else if (!waits->second.empty()) {
      note(way_in, waits->second.front(), now, count);
      waits->second.pop_front();
    }
  }
  if (auto* decided = part<message<schema::Pvalue>>(what, 1); decided && node == here_) {
    auto found = slots_.find((*decided)->getSlot());
    if (found == slots_.end() || found->second.at_replica != clock::time_point{})
      return;
    found->second.at_replica = now;
    note(decide(), found->second.chosen, now);
    while (slots_.size() > most_slots)
      slots_.erase(slots_.begin());
  }
}

void stages::to_leader(const caf::message& what) {
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  if (auto* proposed = part<message<schema::Pvalue>>(what, 1)) {
    auto [place, fresh] = slots_.try_emplace((*proposed)->getSlot());
    if (!fresh)
      return;
    place->second.at_leader = now;
    for (auto each : (*proposed)->getValue().getRequests()) {
      if (!each.isCommands())
        continue;
      auto commands = each.getCommands();
      auto found = requests_.find({commands.getSession(), commands.getFirstCid()});
      if (found == requests_.end())
        continue;
      found->second.slot = (*proposed)->getSlot();
      note(batch_wait, found->second.at_replica, now, found->second.end_cid - found->first.second);
    }
  }
  if (auto* accepted = part<message<schema::P2b>>(what))
    for (auto number : (*accepted)->getSlots()) {
      auto found = slots_.find(number);
      if (found == slots_.end())
        continue;
      auto& x = found->second;
      auto place = std::find(nodes_.begin(), nodes_.end(), (*accepted)->getAcceptor());
      if (place != nodes_.end())
        note(durable + static_cast<size_t>(place - nodes_.begin()), x.at_acceptor[*place], now);
      if (x.votes.insert((*accepted)->getAcceptor()).second && x.votes.size() == accepts_)
        x.chosen = now;
    }
}

void stages::to_acceptor(node_id node, const caf::message& what) {
  auto* asked = part<message<schema::Pvalue>>(what, 1);
  if (!asked)
    return;
  auto now = clock::now();
  std::lock_guard guard{mutex_};
  auto found = slots_.find((*asked)->getSlot());
  if (found == slots_.end())
    return;
  if (found->second.at_acceptor.empty())
    note(propose, found->second.at_leader, now);
  found->second.at_acceptor.try_emplace(node, now);
}

std::vector<stages::stage> stages::found() const {
  std::lock_guard guard{mutex_};
  std::vector<stage> all;
  for (auto& each : stages_)
    if (each.times.count() > 0)
      all.push_back(each);
  return all;
}

} // namespace synod::bench
