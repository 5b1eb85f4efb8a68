#include "host.hpp"

#include "synod/actors/role/sockets.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

namespace synod::simulation {

namespace {

constexpr int64_t beginning_us = 1'700'000'000'000'000; // of all wall clocks, microseconds since 1970

/// Brings what roles log into the trace.
class trace_sink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
  trace_sink(const world& time, trace& told) : time_{time}, trace_{told} {}

protected:
  void sink_it_(const spdlog::details::log_msg& x) override {
    trace_.say(time_.now(), "{} says: {}", std::string_view{x.logger_name.data(), x.logger_name.size()},
               std::string_view{x.payload.data(), x.payload.size()});
  }
  void flush_() override {}

private:
  const world& time_;
  trace& trace_;
};

} // namespace

host::host(stage& on, uint32_t index)
  : stage_{on},
    index_{index},
    description_{on.drawn.config->nodes[index]},
    disk_{on.drawn.options.seed, index},
    random_{on.drawn.options.seed, "host", index},
    log_{std::make_shared<spdlog::logger>(description_.name, std::make_shared<trace_sink>(on.time, on.told))} {
  log_->set_level(on.told.on() ? spdlog::level::info : spdlog::level::off);
}

host::~host() = default;

int64_t host::wall_clock_us() const {
  auto us = [](duration x) { return std::chrono::duration_cast<std::chrono::microseconds>(x).count(); };
  auto now = stage_.time.now();
  return beginning_us + us(now) + ahead_us_ + us(now - drift_since_) * drift_per_million_ / 1'000'000;
}

int64_t host::beginning_ms() {
  return beginning_us / 1000;
}

void host::set_clock(int64_t ahead_us, int64_t drift_per_million) {
  ahead_us_ = ahead_us;
  drift_per_million_ = drift_per_million;
  drift_since_ = stage_.time.now();
}

void host::on_peer(uint32_t other, const std::string& role_name, const caf::strong_actor_ptr& handle) {
  auto& nodes = stage_.drawn.config->nodes;
  auto id = other < nodes.size() ? nodes[other].id : node_id{0}; // A client has none.
  for (auto& each : roles_)
    stage_.time.as(*each.on, [&] { caf::anon_send(each.handle, peer{id, role_name, handle}); });
}

/// What the roles of one start see. A role of a dead process may still hold it.
class host::simulated_environment : public environment {
public:
  explicit simulated_environment(host& on) : host_{on}, directory_{"/" + on.name()}, files_{on.disk_.plug()} {}

  caf::actor_system& system() override { return host_.stage_.time.system(); }
  int64_t wall_clock_us() const override { return host_.wall_clock_us(); }
  uint64_t random() override { return host_.random_.next(); }
  std::shared_ptr<synod::disk> files() override { return files_; }
  bool one_thread() const override { return true; }
  const std::filesystem::path& data_directory() const override { return directory_; }
  caf::expected<std::shared_ptr<sockets>> listen(const endpoint&) override {
    return host_.stage_.connections->listen(host_.index_, host_.main_);
  }
  void start_thread(std::function<void()> run) override { run(); } // What needs a thread for itself cannot be simulated.
  std::unique_ptr<state_machine> make_state_machine() override {
    auto& config = *host_.stage_.drawn.config;
    auto made = host_.stage_.known.machine(config.state_machine)->make(config.machine_options, random());
    return host_.spawning_ == "replica" ? host_.stage_.checks->observe(host_.index_, std::move(made)) : std::move(made);
  }
  spdlog::logger& log() override { return *host_.log_; }
  void fatal(const std::string& why) override { host_.die(why); }

private:
  host& host_;
  std::filesystem::path directory_;
  std::shared_ptr<synod::disk> files_;
};

caf::expected<caf::actor> host::spawn(const std::string& role_name) {
  spawning_ = role_name;
  return stage_.known.role(role_name)->spawn(
    {{stage_.drawn.config, description_.id, incarnation_}, stage_.drawn.config->options_of(role_name), world_});
}

void host::start() {
  auto& time = stage_.time;
  ++incarnation_;
  alive_ = starting_ = true;
  stage_.told.say(time.now(), "{} STARTS, for the {}. time", name(), incarnation_);
  world_ = std::make_shared<simulated_environment>(*this);
  main_ = strand{};
  storage_ = strand{};
  main_.process = storage_.process = ++stage_.processes;
  for (auto& role_name : description_.roles) {
    auto& on = role_name == "acceptor" ? storage_ : main_;
    time.as(on, [&] {
      auto spawned = spawn(role_name);
      if (!spawned)
        return die(to_string(spawned.error()));
      time.pin(*spawned, on);
      roles_.push_back({role_name, *spawned, &on});
    });
    time.settle({&on}); // It replays its log, and whatever else it does first.
    if (!alive_)
      break;
  }
  starting_ = false;
  if (!alive_)
    return;
  disk_.on_sync = [this] {
    // Most syncs are quick; the strand of the acceptor waits for each.
    auto takes =
      stall > duration{0} && random_.chance(200'000) ? random_.around(stall) : random_.around(std::chrono::microseconds{200});
    storage_.free_at = std::max(storage_.free_at, stage_.time.now() + takes);
  };
  stage_.checks->begin(index_, find<acceptor>(), find<leader>(), find<replica>(), find<gateway>());
  stage_.net->begin(index_);
}

template <class Role>
const Role* host::find() const {
  for (auto& each : roles_)
    if (auto* found = dynamic_cast<const Role*>(caf::actor_cast<caf::abstract_actor*>(each.handle)))
      return found;
  return nullptr;
}

bool host::leads() const {
  auto* found = find<leader>();
  return found && found->leads();
}

std::optional<slot_number> host::slot_out() const {
  auto* found = find<replica>();
  return found ? std::optional{found->slot_out()} : std::nullopt;
}

/// What the process does when a role cannot go on: it ends at once. Only a disk may be the reason.
void host::die(const std::string& why) {
  if (!alive_)
    return;
  stage_.told.say(stage_.time.now(), "{} ENDS: {}", name(), why);
  if (why.find("(simulated)") == std::string::npos)
    stage_.checks->fail("storage", fmt::format("node {} does not go on: {}", name(), why));
  alive_ = false; // Nothing that it still sends or writes gets out.
  disk_.unplug();
  stage_.time.after(duration{0}, [this, process = main_.process] {
    if (main_.process != process)
      return;
    stop(end::kill);
    if (on_end)
      on_end();
  });
}

void host::stop(end how) {
  if (!runs())
    return;
  auto& time = stage_.time;
  stage_.told.say(time.now(), "{} {}", name(),
                  how == end::power  ? "LOSES ITS POWER"
                  : how == end::kill ? "IS KILLED"
                                     : "is ended");
  alive_ = false;
  disk_.on_sync = nullptr;
  disk_.unplug();
  if (how == end::power)
    disk_.cut_power();
  stage_.checks->end(index_);
  stage_.net->end(index_, how == end::power);
  stage_.connections->end(index_, how == end::power);
  for (auto& each : roles_)
    time.as(*each.on, [&] { caf::anon_send_exit(each.handle, caf::exit_reason::kill); });
  time.drain({&main_, &storage_});
  roles_.clear();
  main_.process = storage_.process = 0;
}

void host::pause(bool on) {
  for (auto* each : {&main_, &storage_}) {
    if (on)
      each->held = true;
    else
      stage_.time.release(*each);
  }
}

void host::slow_down(duration cost) {
  main_.cost = storage_.cost = cost;
}

} // namespace synod::simulation
