#include "network.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

using std::chrono::milliseconds;

constexpr size_t nobody = SIZE_MAX;
constexpr milliseconds shortest_silence{3000}; // until a peer counts as lost (actors/node/tcp.hpp)
constexpr milliseconds longest_silence{3700};

/// Messages of clients, which need a connection that keeps them and their order.
bool needs_order(const caf::message& content) {
  return content.match_elements<message<schema::Request>>() || content.match_elements<message<schema::Query>>()
         || content.match_elements<message<schema::Opened>>() || content.match_elements<message<schema::Responses>>()
         || content.match_elements<message<schema::Answers>>();
}

template <class Schema>
size_t bytes_of_one(const caf::message& content, size_t i) {
  return content.match_element<message<Schema>>(i) ? content.get_as<message<Schema>>(i).size_bytes() : 0;
}

/// As it travels, about: those that can be large are measured.
uint64_t bytes_of(const caf::message& content) {
  constexpr size_t small = 100;
  size_t bytes = small;
  for (size_t i = 0; i < content.size(); ++i)
    bytes += bytes_of_one<schema::Pvalue>(content, i) + bytes_of_one<schema::Request>(content, i)
             + bytes_of_one<schema::P1b>(content, i) + bytes_of_one<schema::Learned>(content, i)
             + bytes_of_one<schema::Query>(content, i) + bytes_of_one<schema::Responses>(content, i)
             + bytes_of_one<schema::Answers>(content, i);
  return bytes;
}

} // namespace

/// One role of another host, as one connection shows it: a link actor. It runs nothing, it carries.
class stand_in : public caf::monitorable_actor {
public:
  stand_in(caf::actor_config& config, network& through, network::connection& connection, int side, size_t role)
    : caf::monitorable_actor{config},
      through_{&through},
      connection_{connection},
      number_{connection.number},
      side_{side},
      role_{role} {}

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit*) override {
    if (through_)
      through_->carry(connection_, number_, side_, role_, std::move(what));
  }

  /// Nothing gets through any more; whoever monitors it is told.
  void close() {
    through_ = nullptr;
    cleanup(caf::exit_reason::remote_link_unreachable, nullptr);
  }

private:
  network* through_;
  network::connection& connection_;
  uint64_t number_;
  int side_;
  size_t role_;
};

network::network(timeline& in, trace& told, uint64_t seed, std::vector<participant*> all, size_t nodes)
  : timeline_{in}, trace_{told}, random_{seed, "network"}, all_{std::move(all)}, nodes_{nodes} {
  links_.resize(all_.size() * all_.size());
  connections_.reserve(all_.size() * nodes_);
  for (uint32_t i = 0; i < nodes_; ++i)
    for (uint32_t j = i + 1; j < all_.size(); ++j)
      connections_.push_back({{i, j}, 0, {false, false}, false, {}, {}});
  for (uint32_t i = 0; i < all_.size(); ++i)
    own_.push_back({{i, i}, 0, {false, false}, false, {}, {}});
}

network::~network() = default;

network::connection& network::of(uint32_t a, uint32_t b) {
  if (a > b)
    std::swap(a, b);
  for (auto& x : connections_)
    if (x.ends[0] == a && x.ends[1] == b)
      return x;
  std::abort(); // Two clients: they do not know of each other.
}

// -- connections --------------------------------------------------------------

void network::begin(uint32_t index) {
  auto& own = own_[index];
  ++own.number;
  own.up[0] = true;
  show_roles(own, 0);
  for (size_t role = 0; role < own.seen[0].size(); ++role)
    all_[index]->on_peer(index, all_[index]->roles()[role].name, own.seen[0][role]);
  for (auto& x : connections_)
    if (x.ends[0] == index || x.ends[1] == index)
      try_later(x, random_.between(milliseconds{1}, milliseconds{100}));
}

void network::end(uint32_t index, bool silently) {
  lose_now(own_[index], 0);
  for (auto& x : connections_)
    for (auto side : {0, 1})
      if (x.ends[side] == index) {
        lose_now(x, side);
        auto& back = between(index, x.ends[1 - side]);
        // The kernel of a host that still runs says that the process is gone, if anything gets through.
        auto told = !silently && back.cuts == 0;
        lose(x, 1 - side,
             told ? back.latency + random_.between(duration{0}, milliseconds{20})
                  : random_.between(shortest_silence, longest_silence));
      }
}

void network::try_later(connection& x, duration pause) {
  if (std::exchange(x.trying, true))
    return;
  timeline_.after(pause, [this, &x] {
    x.trying = false;
    if (x.up[0] && x.up[1])
      return;
    auto passes = between(x.ends[0], x.ends[1]).cuts == 0 && between(x.ends[1], x.ends[0]).cuts == 0;
    if (!all_[x.ends[0]]->alive() || !all_[x.ends[1]]->alive())
      return; // Its start tries again.
    if (passes)
      establish(x);
    else
      try_later(x, random_.between(milliseconds{50}, milliseconds{1500}));
  });
}

void network::establish(connection& x) {
  for (auto side : {0, 1})
    lose_now(x, side);
  auto& one = *all_[x.ends[0]];
  auto& other = *all_[x.ends[1]];
  if (!one.admits(other) || !other.admits(one))
    return try_later(x, random_.between(milliseconds{500}, milliseconds{1500}));
  ++x.number;
  trace_.say(timeline_.now(), "{} and {} are connected", all_[x.ends[0]]->name(), all_[x.ends[1]]->name());
  for (auto side : {0, 1}) {
    x.up[side] = true;
    show_roles(x, side);
    auto pause = between(x.ends[1 - side], x.ends[side]).latency + random_.between(duration{0}, milliseconds{2});
    timeline_.after(pause, [this, &x, side, number = x.number] {
      auto& to = *all_[x.ends[side]];
      if (x.number != number || !x.up[side])
        return;
      auto& names = all_[x.ends[1 - side]]->roles();
      for (size_t role = 0; role < names.size() && role < x.seen[side].size(); ++role)
        to.on_peer(x.ends[1 - side], x.told[side].emplace_back(names[role].name), x.seen[side][role]);
    });
  }
}

/// Makes stand-ins for the roles at the other end.
void network::show_roles(connection& x, int side) {
  auto& system = timeline_.system();
  for (size_t role = 0; role < all_[x.ends[1 - side]]->roles().size(); ++role) {
    caf::actor_config config;
    x.seen[side].push_back(caf::make_actor<stand_in, caf::strong_actor_ptr>(system.next_actor_id(), system.node(), &system,
                                                                            config, *this, x, side, role));
  }
}

/// One end notices that the connection is gone.
void network::lose(connection& x, int side, duration after) {
  timeline_.after(after, [this, &x, side, number = x.number] {
    if (x.number != number || !x.up[side])
      return;
    lose_now(x, side);
    try_later(x, random_.between(milliseconds{50}, milliseconds{1000}));
  });
}

void network::lose_now(connection& x, int side) {
  if (!std::exchange(x.up[side], false))
    return;
  auto& self = *all_[x.ends[side]];
  auto& other = *all_[x.ends[1 - side]];
  if (self.alive())
    trace_.say(timeline_.now(), "{} has lost its connection with {}", self.name(), other.name());
  for (auto& each : std::exchange(x.seen[side], {})) {
    if (self.alive() && !self.roles().empty())
      timeline_.as(*self.roles().front().on,
                   [&] { static_cast<stand_in*>(caf::actor_cast<caf::abstract_actor*>(each))->close(); });
    else
      static_cast<stand_in*>(caf::actor_cast<caf::abstract_actor*>(each))->close();
  }
  auto told = std::exchange(x.told[side], {}); // The other's process may be gone, with its roles.
  if (self.alive())
    for (auto& role : told)
      self.on_peer(x.ends[1 - side], role, nullptr);
}

void network::reset(uint32_t a, uint32_t b) {
  auto& x = of(a, b);
  for (auto side : {0, 1})
    lose(x, side, random_.between(duration{0}, milliseconds{50}));
}

void network::cut(uint32_t from, uint32_t to, bool holds) {
  auto& x = between(from, to);
  if (x.cuts++ > 0)
    return;
  x.holds = holds;
  auto cut_number = ++x.cut_number;
  // Who hears nothing for too long closes its end; the other one is told, if that gets through.
  timeline_.after(random_.between(shortest_silence, longest_silence), [this, from, to, cut_number] {
    auto& still = between(from, to);
    if (still.cuts == 0 || still.cut_number != cut_number)
      return;
    auto& broken = of(from, to);
    auto side = broken.ends[0] == to ? 0 : 1;
    lose(broken, side, duration{0});
    if (between(to, from).cuts == 0)
      lose(broken, 1 - side, between(to, from).latency);
  });
}

void network::mend(uint32_t from, uint32_t to) {
  auto& x = between(from, to);
  if (x.cuts == 0 || --x.cuts > 0)
    return;
  for (auto& send : std::exchange(x.held, {}))
    send();
}

// -- messages -----------------------------------------------------------------

/// From the role that has the stand-in to the one it stands for: decides what becomes of it on the way.
void network::carry(connection& x, uint64_t number, int from, size_t role, caf::mailbox_element_ptr what) {
  auto& sender_process = *all_[x.ends[from]];
  auto& receiver_process = *all_[x.ends[1 - from]];
  auto& way = between(x.ends[from], x.ends[1 - from]);
  ++messages_;
  if (x.number != number || !x.up[from] || !sender_process.alive())
    return;
  auto sender = nobody;
  auto& own = sender_process.roles();
  for (size_t i = 0; i < own.size(); ++i)
    if (what->sender && what->sender->get() == caf::actor_cast<caf::abstract_actor*>(own[i].handle))
      sender = i;
  auto content = what->move_content_to_message();
  on_send(x.ends[from], content);
  if (&sender_process == &receiver_process)
    return pass(x, role, sender, content);
  auto in_order = needs_order(content);
  if (!in_order && (way.cuts > 0 ? !way.holds : random_.chance(way.drop_per_million))) {
    ++lost_;
    if (trace_.on())
      trace_.say(timeline_.now(), "{} -> {} {}: {} IS LOST", sender_process.name(), receiver_process.name(),
                 receiver_process.roles().size() > role ? receiver_process.roles()[role].name : "?", describe(content));
    return;
  }
  if (way.cuts > 0)
    way.held.push_back([this, &x, number, from, role, sender, content] { send(x, number, from, role, sender, content); });
  else
    send(x, number, from, role, sender, content);
}

/// On its way: when it arrives, and how often.
void network::send(connection& x, uint64_t number, int from, size_t role, size_t sender, const caf::message& content) {
  auto& way = between(x.ends[from], x.ends[1 - from]);
  auto in_order = needs_order(content);
  auto left = timeline_.now();
  if (way.bytes_per_second > 0)
    left = way.busy_until =
      std::max(left, way.busy_until) + duration{static_cast<int64_t>(bytes_of(content) * 1'000'000'000 / way.bytes_per_second)};
  auto delay = way.latency + way.extra + random_.between(duration{0}, way.jitter);
  auto arrival = std::max(left + delay, way.last_arrival);
  if (!in_order && random_.chance(way.reorder_per_million))
    arrival = left + delay + random_.between(duration{0}, way.reorder_by); // Others overtake it.
  else
    way.last_arrival = arrival;
  auto deliver = [this, &x, number, from, role, sender, content] { arrive(x, number, 1 - from, role, sender, content); };
  if (!in_order && random_.chance(way.duplicate_per_million))
    timeline_.at(arrival + random_.between(duration{0}, milliseconds{50}), deliver);
  timeline_.at(arrival, std::move(deliver));
}

void network::carry_bytes(uint32_t from, uint32_t to, std::function<void()> arrive) {
  auto& way = between(from, to);
  if (way.cuts > 0)
    return way.held.push_back([this, from, to, later = std::move(arrive)] { carry_bytes(from, to, later); });
  way.last_arrival =
    std::max(timeline_.now() + way.latency + way.extra + random_.between(duration{0}, way.jitter), way.last_arrival);
  timeline_.at(way.last_arrival, std::move(arrive));
}

/// Within a process.
void network::pass(connection& x, size_t role, size_t sender, const caf::message& what) {
  auto& process = *all_[x.ends[0]];
  auto& receiver = process.roles()[role];
  if (trace_.on())
    trace_.say(timeline_.now(), "{} {} -> {}: {}", process.name(), sender == nobody ? "?" : process.roles()[sender].name,
               receiver.name, describe(what));
  on_arrival(x.ends[0], what);
  auto from = sender == nobody ? nullptr : x.seen[0][sender];
  caf::actor_cast<caf::abstract_actor*>(receiver.handle)->enqueue(from, caf::make_message_id(), what, nullptr);
}

void network::arrive(connection& x, uint64_t number, int to, size_t role, size_t sender, const caf::message& what) {
  auto& receiver_process = *all_[x.ends[to]];
  if (x.number != number || !x.up[to] || !receiver_process.alive())
    return;
  auto& receiver = receiver_process.roles()[role];
  if (trace_.on())
    trace_.say(timeline_.now(), "{} -> {} {}: {}", all_[x.ends[1 - to]]->name(), receiver_process.name(), receiver.name,
               describe(what));
  on_arrival(x.ends[to], what);
  auto from = sender == nobody ? nullptr : x.seen[to][sender];
  caf::actor_cast<caf::abstract_actor*>(receiver.handle)->enqueue(from, caf::make_message_id(), what, nullptr);
}

} // namespace synod::simulation
