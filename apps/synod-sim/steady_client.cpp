#include "steady_client.hpp"

#include "synod/messages/operations.hpp"

#include <algorithm>

namespace synod::simulation {

namespace {

constexpr std::chrono::seconds time_to_begin{5}; // until a cluster that has just been started must answer
constexpr std::chrono::seconds pause{1};         // between looks; what was not answered is asked again

} // namespace

steady_client::steady_client(stage& on) : stage_{on}, random_{on.drawn.options.seed, "steady client"} {
  strand_.process = ++on.processes;
  roles_.push_back(
    {"client", make_client_endpoint(on.time, [this](uint64_t, const caf::message& content) { take(content); }), &strand_});
}

void steady_client::take(const caf::message& content) {
  if (content.match_elements<message<schema::Opened>>()) {
    if (auto& x = content.get_as<message<schema::Opened>>(0); !x->isRefused())
      on_answer(x->getNumber(), &asked::opened);
  } else if (content.match_elements<message<schema::Answers>>()) {
    if (auto& x = content.get_as<message<schema::Answers>>(0); !x->getRefused())
      on_answer(x->getNumber(), &asked::read);
  }
}

void steady_client::on_peer(uint32_t other, const std::string& role_name, const caf::strong_actor_ptr& handle) {
  auto& spared = stage_.drawn.spared;
  if (role_name == "replica" && std::find(spared.begin(), spared.end(), other) != spared.end())
    asked_[other].replica = handle;
}

void steady_client::start() {
  if (!stage_.drawn.spared.empty())
    stage_.time.after(time_to_begin, [this] { look(); });
}

void steady_client::look() {
  if (finished_)
    return;
  for (auto& [node, x] : asked_) {
    if (x.number == 0) {
      x.number = random_.next() | 1; // Never 0.
      x.since = stage_.time.now();
      x.opened = x.read = false;
    } else if (stage_.time.now() - x.since > longest_wait) {
      return stage_.checks->fail(
        "liveness", fmt::format("nothing happens to a majority that can talk, and the replica of {} has not "
                                "answered {} for {} s",
                                stage_.drawn.config->nodes[node].name, x.opened ? "a read" : "a request", longest_wait.count()));
    }
    ask(x);
  }
  stage_.time.after(pause, [this] { look(); });
}

void steady_client::ask(asked& x) {
  if (!x.replica)
    return;
  if (!x.opened) {
    builder<schema::Request> open;
    open->initOpen().setNumber(x.number);
    send_as_client(roles_.front().handle, x.replica, open.finish());
  }
  if (!x.read) {
    builder<schema::Query> query;
    query->setNumber(x.number);
    operation_writer versions;
    versions.versions({"r0"});
    versions.write(query->initOperations());
    send_as_client(roles_.front().handle, x.replica, query.finish());
  }
}

void steady_client::on_answer(uint64_t number, bool asked::*which) {
  for (auto& [node, x] : asked_)
    if (x.number == number) {
      x.*which = true;
      if (!x.opened || !x.read)
        continue;
      x.number = 0;
      longest_ = std::max(longest_, stage_.time.now() - x.since);
    }
}

} // namespace synod::simulation
