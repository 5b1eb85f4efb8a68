#include "run.hpp"

#include "end_checks.hpp"
#include "nemesis.hpp"
#include "resp_client.hpp"
#include "session_client.hpp"
#include "steady_client.hpp"

#include "synod/actors/role/upheld.hpp"

#include <stdexcept>

namespace synod::simulation {

namespace {

using std::chrono::milliseconds;

constexpr uint64_t most_steps_at_once = 2'000'000; // without time passing: roles that never come to rest

/// Ends the handler of a role that found an invariant broken: the role goes no further, and the run ends by it.
struct role_gave_up : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// What roles find broken by themselves is a violation of the run, not the end of the process.
class listens_to_roles {
public:
  explicit listens_to_roles(invariants& checks)
    : before_{on_broken([&checks](std::string_view invariant, const std::string& seen) {
        checks.fail(std::string{invariant}, "a role found: " + seen);
        throw role_gave_up{std::string{invariant}};
      })} {}
  ~listens_to_roles() { on_broken(std::move(before_)); }
  listens_to_roles(const listens_to_roles&) = delete;
  listens_to_roles& operator=(const listens_to_roles&) = delete;

private:
  broken_handler before_;
};

/// Everything of one run, in the order in which it has to go away again.
class simulation {
public:
  simulation(const run_options& options, const registry& known, tracing traced)
    : plan_{draw(options, known)}, time_{options.seed}, stage_{time_, trace_, plan_, known}, book_{plan_.groups} {
    if (traced.on)
      trace_.begin(traced.file);
    auto& config = *plan_.config;
    auto* machine = known.machine(config.state_machine);
    checks_ = std::make_unique<invariants>(
      time_, trace_, simulated_host::beginning_ms(), config,
      reference{machine->make(config.machine_options, 1), config.options_of("replica").duration("session-lifetime"),
                plan_.begun->members(), static_cast<uint64_t>(config.options_of("replica").number("window"))});
    if (plan_.options.of_user)
      checks_->expected().keep_replies();
    stage_.checks = checks_.get();
    listener_ = std::make_unique<listens_to_roles>(*checks_);
    std::vector<participant*> all;
    for (uint32_t i = 0; i < config.nodes.size(); ++i) {
      hosts_.push_back(std::make_unique<simulated_host>(stage_, i));
      all.push_back(hosts_.back().get());
    }
    std::vector<uint32_t> gateways;
    for (uint32_t i = 0; i < config.nodes.size(); ++i)
      if (config.nodes[i].has("gateway"))
        gateways.push_back(i);
    random_stream kinds{options.seed, "kinds of clients"};
    for (uint32_t i = 0; i < plan_.clients; ++i) {
      // The connections come with the network, which comes with the participants.
      auto participant_index = static_cast<uint32_t>(hosts_.size()) + i;
      if (!gateways.empty() && kinds.below(2) == 0)
        all.push_back(add<resp_client>(participant_index, gateways));
      else
        all.push_back(add<session_client>());
    }
    steady_ = std::make_unique<steady_client>(stage_);
    all.push_back(steady_.get());
    network_ = std::make_unique<network>(time_, trace_, options.seed, all, hosts_.size());
    stage_.net = network_.get();
    tcp_ = std::make_unique<tcp>(time_, *network_, plan_.socket_buffer_bytes);
    stage_.connections = tcp_.get();
    network_->on_send = [this](uint32_t from, const caf::message& content) {
      auto is_leased = content.match_elements<message<schema::Leased>>();
      if (!is_leased || plan_.options.drift_beyond == 0) // Otherwise what clients see is to show it.
        checks_->on_send(from, content);
    };
    network_->on_arrival = [this](uint32_t to, const caf::message& content) {
      if (to < hosts_.size())
        checks_->on_arrival(to, content);
    };
    time_.on_step([this](strand& on) {
      for (uint32_t i = 0; i < hosts_.size(); ++i)
        if (hosts_[i]->runs_on(on) && hosts_[i]->alive())
          checks_->look(i);
    });
    std::vector<simulated_host*> hosts;
    for (auto& each : hosts_)
      hosts.push_back(each.get());
    nemesis_ = std::make_unique<nemesis>(stage_, hosts, all.size());
  }

  run_result run() {
    trace_.say(time_.now(), "seed {}, faults {}, {} clients\n{}", plan_.options.seed, to_string(plan_.faults), plan_.clients,
               plan_.cluster_file);
    nemesis_->begin();
    random_stream random{plan_.options.seed, "begin"};
    stage_.ask_member = [this](uint32_t asker) -> std::optional<configurations> {
      std::vector<const simulated_host*> there;
      for (uint32_t i = 0; i < hosts_.size(); ++i)
        if (i != asker && hosts_[i]->alive() && hosts_[i]->has_started())
          there.push_back(hosts_[i].get());
      random_stream which{plan_.options.seed, "who is asked", stage_.processes};
      return there.empty() ? std::nullopt : std::optional{there[which.below(there.size())]->members().all()};
    };
    for (auto& each : hosts_)
      time_.after(random.between(milliseconds{0}, milliseconds{300}), [&each] {
        if (!each->runs())
          each->start();
      });
    for (uint32_t i = 0; i < clients_.size(); ++i) {
      network_->begin(static_cast<uint32_t>(hosts_.size()) + i);
      clients_[i]->start();
    }
    network_->begin(static_cast<uint32_t>(hosts_.size() + clients_.size()));
    steady_->start();
    run_until(plan_.options.virtual_time, [] { return false; });
    steady_->finish();
    nemesis_->end();
    for (auto& each : clients_)
      each->finish();
    come_to_rest("operations are still pending");
    for (auto& each : clients_)
      each->ask_last();
    come_to_rest("the last operations are still pending");
    agree();
    if (!checks_->broken())
      check_histories(book_, *checks_, plan_.options.of_user, undecided_);
    for (auto& each : hosts_)
      each->stop(simulated_host::end::quiet);
    for (auto& each : clients_)
      each->end_process();
    if (time_.running() > 0)
      checks_->fail("bounds", fmt::format("{} actors outlive their processes", time_.running()));
    return result();
  }

private:
  template <class Client, class... Ts>
  Client* add(Ts&&... xs) {
    auto made = std::make_unique<Client>(stage_, static_cast<uint32_t>(clients_.size()), book_, std::forward<Ts>(xs)...);
    auto* added = made.get();
    clients_.push_back(std::move(made));
    return added;
  }

  template <class Done>
  bool run_until(duration end, Done done) {
    auto before = time_.now();
    uint64_t steps = 0;
    while (!checks_->broken() && !done()) {
      if (!step(end))
        return false;
      if (time_.now() != before) {
        before = time_.now();
        steps = 0;
      } else if (++steps > most_steps_at_once) {
        checks_->fail("liveness", "roles send each other messages for ever, without time passing");
      }
    }
    return true;
  }

  bool step(duration end) {
    try {
      return time_.step(end);
    } catch (const role_gave_up&) {
      return true; // A log that cannot be: the process does not even start.
    }
  }

  bool idle() const {
    return std::all_of(clients_.begin(), clients_.end(), [](auto& x) { return x->waits_for().empty(); });
  }

  void come_to_rest(const char* what) {
    auto begin = time_.now();
    auto rests = run_until(begin + liveness_limit, [&] { return idle(); });
    if (rests || checks_->broken())
      return;
    for (auto& each : clients_)
      if (!each->waits_for().empty())
        return checks_->fail(
          "liveness", fmt::format("{} {} s after the faults have ended: {}", what, liveness_limit.count(), each->waits_for()));
  }

  /// Every replica gets to know everything.
  void agree() {
    auto all_there = [&] {
      return std::all_of(hosts_.begin(), hosts_.end(), [&](auto& x) {
        auto level = x->slot_out().value_or(checks_->expected().slot_out()) == checks_->expected().slot_out();
        return x->has_lost_its_disk() || x->has_left() || (level && !x->members().was_removed(x->id()));
      });
    };
    run_until(time_.now() + liveness_limit, all_there);
    for (auto& each : hosts_)
      if (each->members().was_removed(each->id()) && !each->has_left() && !each->has_lost_its_disk())
        checks_->fail("members", fmt::format("node {} was removed, and does not leave", each->name()));
    if (!checks_->broken())
      checks_->check_end();
  }

  run_result result() const {
    run_result x;
    x.broken = checks_->broken();
    x.last = trace_.last();
    x.faults = plan_.faults;
    x.clients = plan_.clients;
    x.acceptors = static_cast<unsigned>(plan_.begun->nodes_with("acceptor").size());
    auto virtual_ms = std::chrono::duration_cast<milliseconds>(time_.now()).count();
    x.numbers = {1,
                 static_cast<uint64_t>(virtual_ms),
                 time_.steps(),
                 network_->messages(),
                 book_.operations,
                 book_.unknown,
                 checks_->chosen(),
                 nemesis_->faults(),
                 0,
                 0,
                 static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(steady_->longest()).count()),
                 undecided_,
                 0};
    for (auto& each : hosts_) {
      x.numbers.starts += each->starts();
      x.numbers.cuts += each->cuts();
      x.numbers.leased_rounds += each->leased_rounds();
    }
    return x;
  }

  plan plan_;
  trace trace_;
  timeline time_;
  stage stage_;
  record_book book_;
  std::unique_ptr<invariants> checks_;
  std::unique_ptr<listens_to_roles> listener_;
  std::vector<std::unique_ptr<workload_client>> clients_;
  std::unique_ptr<steady_client> steady_;
  std::unique_ptr<network> network_;
  std::unique_ptr<tcp> tcp_;
  std::vector<std::unique_ptr<simulated_host>> hosts_;
  std::unique_ptr<nemesis> nemesis_;
  uint64_t undecided_ = 0;
};

} // namespace

void run_numbers::add(const run_numbers& other) {
  runs += other.runs;
  virtual_ms += other.virtual_ms;
  steps += other.steps;
  messages += other.messages;
  operations += other.operations;
  unknown += other.unknown;
  slots += other.slots;
  fault_events += other.fault_events;
  starts += other.starts;
  cuts += other.cuts;
  longest_wait_ms = std::max(longest_wait_ms, other.longest_wait_ms);
  undecided += other.undecided;
  leased_rounds += other.leased_rounds;
}

run_result run(const run_options& options, const registry& known, tracing traced) {
  return simulation{options, known, traced}.run();
}

} // namespace synod::simulation
