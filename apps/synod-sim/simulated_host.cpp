#include "simulated_host.hpp"

#include "synod/actors/role/error_text.hpp"
#include "synod/actors/role/sockets.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

namespace synod::simulation {

namespace {

constexpr int64_t beginning_us = 1'700'000'000'000'000; // of all wall clocks, microseconds since 1970

/// Brings what roles log into the trace.
class trace_sink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
  trace_sink(const timeline& time, trace& told) : time_{time}, trace_{told} {}

protected:
  void sink_it_(const spdlog::details::log_msg& x) override {
    trace_.say(time_.now(), "{} says: {}", std::string_view{x.logger_name.data(), x.logger_name.size()},
               std::string_view{x.payload.data(), x.payload.size()});
  }
  void flush_() override {}

private:
  const timeline& time_;
  trace& trace_;
};

} // namespace

simulated_host::simulated_host(stage& on, uint32_t index)
  : stage_{on},
    index_{index},
    description_{on.drawn.config->nodes[index]},
    disk_{on.drawn.options.seed, index},
    random_{on.drawn.options.seed, "host", index},
    log_{std::make_shared<spdlog::logger>(description_.name, std::make_shared<trace_sink>(on.time, on.told))},
    disk_times_{on.drawn.options.seed, "disk times", index} {
  log_->set_level(on.told.on() ? spdlog::level::info : spdlog::level::off);
}

simulated_host::~simulated_host() = default;

int64_t simulated_host::wall_clock_us() const {
  auto us = [](duration x) { return std::chrono::duration_cast<std::chrono::microseconds>(x).count(); };
  auto now = stage_.time.now();
  return beginning_us + us(now) + ahead_us_ + us(now - drift_since_) * drift_per_million_ / 1'000'000;
}

int64_t simulated_host::beginning_ms() {
  return beginning_us / 1000;
}

void simulated_host::set_clock(int64_t ahead_us, int64_t drift_per_million) {
  ahead_us_ = ahead_us;
  drift_per_million_ = drift_per_million;
  drift_since_ = stage_.time.now();
}

void simulated_host::set_rate(int64_t per_million) {
  boot_clock_ = boot_clock();
  rate_since_ = stage_.time.now();
  rate_per_million_ = per_million;
}

duration simulated_host::boot_clock() const {
  auto passed_us = std::chrono::duration_cast<std::chrono::microseconds>(stage_.time.now() - rate_since_).count();
  return boot_clock_ + duration{passed_us * rate_per_million_ / 1000};
}

void simulated_host::on_peer(uint32_t other, const std::string& role_name, const caf::strong_actor_ptr& handle) {
  auto& nodes = stage_.drawn.config->nodes;
  auto id = other < nodes.size() ? nodes[other].id : node_id{0}; // A client has none.
  for (auto& each : roles_)
    stage_.time.as(*each.on, [&] { caf::anon_send(each.handle, peer{id, role_name, handle}); });
}

/// What the roles of one start see. A role of a dead process may still hold it.
class simulated_host::simulated_environment : public environment {
public:
  explicit simulated_environment(simulated_host& on) : host_{on}, directory_{"/" + on.name()} {
    files_ = on.disk_.plug([&on](disk::lane where, std::function<caf::error()> work, caf::actor asker, uint64_t number) {
      on.aside(where, {std::move(work), std::move(asker), number});
    });
  }

  caf::actor_system& system() override { return host_.stage_.time.system(); }
  int64_t wall_clock_us() const override { return host_.wall_clock_us(); }
  std::chrono::nanoseconds boot_clock() const override { return host_.boot_clock(); }
  uint64_t random() override { return host_.random_.next(); }
  synod::disk& files() override { return *files_; }
  const std::filesystem::path& data_directory() const override { return directory_; }
  caf::expected<std::shared_ptr<sockets>> listen(const endpoint&) override {
    return host_.stage_.connections->listen(host_.index_, host_.main_);
  }
  std::unique_ptr<state_machine> make_state_machine() override {
    auto& config = *host_.config_;
    auto made = host_.stage_.known.machine(config.state_machine)->make(config.machine_options, random());
    // A replica asks for one also when it has been spawned.
    auto is_replica = host_.spawning_ == "replica" || host_.spawning_.empty();
    return is_replica ? host_.stage_.checks->observe(host_.index_, std::move(made)) : std::move(made);
  }
  spdlog::logger& log() override { return *host_.log_; }
  void fatal(const std::string& why) override { host_.die(why); }

private:
  simulated_host& host_;
  std::filesystem::path directory_;
  std::unique_ptr<synod::disk> files_;
};

caf::expected<caf::actor> simulated_host::spawn(const std::string& role_name) {
  spawning_ = role_name;
  return stage_.known.role(role_name)->spawn({{config_, description_.id, directory_.incarnation()},
                                              config_->options_of(role_name),
                                              environment_,
                                              directory_.has_stored(role_name)});
}

void simulated_host::start(std::optional<uint64_t> operations) {
  auto& time = stage_.time;
  if (has_left())
    return;
  alive_ = true;
  stage_.told.say(time.now(), "{} STARTS, for the {}. time", name(), ++starts_);
  environment_ = std::make_shared<simulated_environment>(*this);
  if (operations)
    disk_.unplug_after(*operations);
  main_ = strand{};
  main_.process = ++stage_.processes;
  start_roles();
  if (alive_ && !disk_.plugged()) {
    stop(end::power);
    if (on_end)
      on_end();
  }
  if (!alive_)
    return;
  disk_.go_on();
  auto* found = find<acceptor>();
  cuts_ += found && found->was_cut();
  stage_.checks->begin(index_, found, find<leader>(), find<replica>(), find<gateway>());
  stage_.net->begin(index_);
}

/// As a process does it (actors/node/process.hpp), until something is wrong.
void simulated_host::start_roles() {
  auto& files = environment_->files();
  directory_ = {};
  known_ = std::make_shared<known_nodes>();
  greeting_.reset();
  if (auto problem = find_members(); ends_by(problem))
    return;
  auto wrong =
    directory_.open(files, environment_->data_directory(), {config_->name, name(), description_.id, {}}, random_.next());
  if (ends_by(wrong ? wrong->text : std::string{}))
    return;
  auto problem = known_->open(files, environment_->data_directory());
  if (ends_by(problem ? text_of(problem) : std::string{}))
    return;
  problem = members_.is_to_be_kept() ? members_.remember(files, environment_->data_directory())() : caf::error{};
  if (ends_by(problem ? text_of(problem) : std::string{}))
    return;
  greeting_.emplace(config_, description_.id, directory_.token(), known_);
  spawn_ears();
  for (auto& role_name : description_.roles) {
    stage_.time.as(main_, [&] {
      auto spawned = spawn(role_name);
      if (spawned) {
        stage_.time.pin(*spawned, main_);
        roles_.push_back({role_name, *spawned, &main_});
      } else if (disk_.plugged()) {
        die(text_of(spawned.error()));
      }
    });
    spawning_.clear();
    stage_.time.settle({&main_}); // Whatever it does first.
    if (!alive_ || !disk_.plugged())
      return;
  }
  wrong = directory_.seal(files, description_.roles);
  has_started_ |= !ends_by(wrong ? wrong->text : std::string{});
}

/// What it knows of configurations: what is on its disk, or what it began with, or what a member tells.
std::string simulated_host::find_members() {
  members_ = {};
  if (auto problem = members_.read(environment_->files(), environment_->data_directory()))
    return text_of(problem);
  auto joins = stage_.drawn.joins(index_);
  auto file = joins ? stage_.drawn.config : stage_.drawn.begun;
  if (members_.empty() && !joins)
    members_.begin(*file);
  if (members_.empty()) {
    auto told = stage_.ask_member(index_);
    if (!told)
      return "nobody is there to be joined (simulated)";
    members_.join(*told);
  }
  config_ = std::make_shared<const cluster>(members_.now(*file, description_.id));
  return {};
}

/// Hears what its replica tells, and other nodes, as a node actor does (actors/node/node_members.cpp).
class simulated_host::ears : public caf::event_based_actor {
public:
  ears(caf::actor_config& config, simulated_host* of) : caf::event_based_actor{config}, host_{of} {}

  caf::behavior make_behavior() override {
    return {
      [this](const peer& x) {
        if (x.role == "node" && x.handle)
          others_[x.node] = x.handle;
        else if (x.role == "node")
          others_.erase(x.node);
      },
      [this](const message<schema::Performed>& told) { host_->learn(configurations_of(told->getConfigurations())); },
      [this](const message<schema::Durable>& told) { host_->on_durable(told, others_); },
      [](const done_aside&) {},
    };
  }
  void on_exit() override { others_.clear(); }
  const char* name() const override { return "node"; }

private:
  simulated_host* host_;
  std::map<node_id, caf::strong_actor_ptr> others_;
};

void simulated_host::spawn_ears() {
  auto& time = stage_.time;
  time.as(main_, [&] {
    auto actor = caf::actor_cast<caf::actor>(time.system().spawn<ears>(this));
    time.pin(actor, main_);
    roles_.push_back({"node", actor, &main_});
  });
  time.settle({&main_});
}

void simulated_host::learn(const configurations& told) {
  if (!alive_ || !members_.learn(told))
    return;
  stage_.told.say(stage_.time.now(), "{} knows configuration {}", name(), members_.number());
  auto file = stage_.drawn.joins(index_) ? stage_.drawn.config : stage_.drawn.begun;
  config_ = std::make_shared<const cluster>(members_.now(*file, description_.id));
  greeting_.emplace(config_, description_.id, directory_.token(), known_);
  aside(disk::lane::background,
        {members_.remember(environment_->files(), environment_->data_directory()), {}, 0}); // A full disk does not matter.
}

void simulated_host::on_durable(const message<schema::Durable>& told, const std::map<node_id, caf::strong_actor_ptr>& others) {
  if (told->getNode() == description_.id) {
    for (auto& [node, handle] : others)
      if (node != description_.id && members_.was_removed(node))
        caf::anon_send(caf::actor_cast<caf::actor>(handle), told);
    return;
  }
  learn(configurations_of(told->getConfigurations()));
  members_.told_durable(told->getNode(), told->getLatest());
  if (alive_ && members_.may_leave(description_.id))
    leave();
}

void simulated_host::leave() {
  stage_.told.say(stage_.time.now(), "{} LEAVES", name());
  stage_.checks->leaves(index_);
  members_.leave();
  static_cast<void>(members_.remember(environment_->files(), environment_->data_directory())());
  alive_ = false;
  stage_.checks->end(index_);
  stage_.time.after(duration{0}, [this, process = main_.process] {
    if (main_.process == process)
      stop(end::kill);
  });
}

void simulated_host::propose(const configuration& next) {
  builder<schema::Request> request{4096};
  write(next, request->initConfiguration());
  for (auto& each : roles_)
    if (each.name == "replica")
      stage_.time.as(main_, [&] { caf::anon_send(caf::actor_cast<replica_actor>(each.handle), request.finish()); });
}

/// The process ends if the power goes, or something is wrong.
bool simulated_host::ends_by(const std::string& wrong) {
  if (disk_.plugged() && !wrong.empty())
    die(wrong);
  return !disk_.plugged() || !alive_;
}

/// As node actors do it (actors/node/node.hpp).
bool simulated_host::admits(participant& other) {
  auto* node = dynamic_cast<simulated_host*>(&other);
  if (!node)
    return true; // A client.
  auto shown = node->greeting_->asking();
  if (auto why = greeting_->refusal_of(*shown); !why.empty()) {
    stage_.told.say(stage_.time.now(), "{} does not take {}: {}", name(), node->name(), why);
    return false;
  }
  learn(configurations_of(shown->getConfigurations()));
  auto told = greeting_->told_by(*shown);
  if (known_->has(told))
    return true;
  auto failure = known_->remember_now(environment_->files(), told);
  return !ends_by(failure ? text_of(failure) : std::string{});
}

void simulated_host::lose_disk() {
  stage_.told.say(stage_.time.now(), "{} LOSES ITS DISK", name());
  lost_its_disk_ = true;
  has_started_ = false;
  disk_.erase();
  stage_.checks->lost_disk(index_);
}

// -- work at the disk ---------------------------------------------------------

/// Takes its time, one after the other in each lane; then it is done, and its end told. What a stopped process has asked for
/// is done, too: it hears of it when it goes on.
void simulated_host::aside(disk::lane where, lane::job x) {
  if (!alive_)
    return;
  auto& to = lanes_[static_cast<size_t>(where)];
  auto usual = where == disk::lane::durable ? std::chrono::microseconds{200} : std::chrono::microseconds{2000};
  // One at a time: what waits behind a slow one is not slow itself, or the disk would stand still long after the fault.
  auto stalls = stall > duration{0} && to.free_at <= stage_.time.now() && disk_times_.chance(200'000);
  to.asked.push_back(std::move(x));
  auto begins = std::max(to.free_at, stage_.time.now());
  to.free_at = begins + disk_times_.around(stalls ? stall : usual);
  if (when_writing && where == disk::lane::durable)
    stage_.time.at(disk_times_.between(begins, to.free_at - duration{1}), std::exchange(when_writing, nullptr));
  stage_.time.at(to.free_at, [this, &to, process = main_.process] {
    if (main_.process == process && alive_)
      finish_one(to);
  });
}

void simulated_host::finish_one(lane& from) {
  auto next = std::move(from.asked.front());
  from.asked.pop_front();
  auto failure = next.work();
  if (next.asker)
    stage_.time.as(main_, [&] { caf::anon_send(next.asker, done_aside{next.number, std::move(failure)}); });
}

/// The process ends while its disk works: of what it has asked for nothing is done, or a part, or all. (A durable write is two
/// operations or three: it opens the file, writes, syncs.)
void simulated_host::end_work() {
  for (auto& each : lanes_) {
    auto asked = std::exchange(each.asked, {});
    each.free_at = duration{0};
    auto how_far = disk_times_.below(4);
    if (asked.empty() || how_far == 0)
      continue;
    if (how_far < 3)
      disk_.unplug_after(disk_times_.below(3));
    for (auto i = asked.begin(); i != asked.end() && disk_.plugged(); ++i)
      static_cast<void>(i->work()); // Nobody hears of it.
  }
  disk_.unplug();
}

template <class Role>
const Role* simulated_host::find() const {
  for (auto& each : roles_)
    if (auto* found = dynamic_cast<const Role*>(caf::actor_cast<caf::abstract_actor*>(each.handle)))
      return found;
  return nullptr;
}

bool simulated_host::leads() const {
  auto* found = find<leader>();
  return found && found->leads();
}

std::optional<slot_number> simulated_host::slot_out() const {
  auto* found = find<replica>();
  return found ? std::optional{found->slot_out()} : std::nullopt;
}

uint64_t simulated_host::leased_since_start() const {
  auto* found = find<replica>();
  return found ? found->leased_rounds() : 0;
}

/// What the process does when a role cannot go on: it ends at once. Only a disk may be the reason.
void simulated_host::die(const std::string& why) {
  if (!alive_)
    return;
  stage_.told.say(stage_.time.now(), "{} ENDS: {}", name(), why);
  if (why.find("(simulated)") == std::string::npos)
    stage_.checks->fail("storage", fmt::format("node {} does not go on: {}", name(), why));
  if (has_started_ && why.find("No space left") != std::string::npos)
    stage_.checks->fail("storage", fmt::format("node {} ends since its disk is full: {}", name(), why));
  alive_ = false; // Nothing that it still sends or writes gets out.
  end_work();
  stage_.time.after(duration{0}, [this, process = main_.process] {
    if (main_.process != process)
      return;
    stop(end::kill);
    if (on_end)
      on_end();
  });
}

void simulated_host::stop(end how) {
  if (!runs())
    return;
  auto& time = stage_.time;
  stage_.told.say(time.now(), "{} {}", name(),
                  how == end::power  ? "LOSES ITS POWER"
                  : how == end::kill ? "IS KILLED"
                                     : "is ended");
  alive_ = false;
  leased_rounds_ += leased_since_start();
  end_work();
  if (how == end::power)
    disk_.cut_power();
  stage_.checks->end(index_);
  stage_.net->end(index_, how == end::power);
  stage_.connections->end(index_, how == end::power);
  for (auto& each : roles_)
    time.as(*each.on, [&] { caf::anon_send_exit(each.handle, caf::exit_reason::kill); });
  time.drain({&main_});
  roles_.clear();
  main_.process = 0;
}

void simulated_host::pause(bool on) {
  if (on)
    main_.held = true;
  else
    stage_.time.release(main_);
}

void simulated_host::slow_down(duration cost) {
  main_.cost = cost;
}

} // namespace synod::simulation
