#include "auditor.hpp"

#include <synod/actors/role/peers.hpp>
#include <synod/actors/role/robust.hpp>
#include <synod/messages/batch.hpp>
#include <synod/messages/roles.hpp>
#include <synod/messages/status.hpp>

#include <map>

namespace bank {

namespace {

using auditor_actor = synod::role_actor::extend<caf::reacts_to<synod::decision_atom, synod::message<synod::schema::Pvalue>,
                                                               uint64_t>, // from replicas that it follows
                                                caf::reacts_to<synod::tick_atom>>;

constexpr uint64_t window_bytes = 4u << 20; // that a replica may have on the way here
constexpr std::chrono::milliseconds tick_interval{50};

/// Follows every replica and compares, slot by slot, what they performed.
class auditor : public auditor_actor::base {
public:
  auditor(caf::actor_config& config, uint64_t window) : auditor_actor::base{config}, window_{window} {}

  behavior_type make_behavior() override {
    delayed_send(this, tick_interval, synod::tick_atom_v);
    return {
      [this](const synod::peer& x) { on_peer(x); },
      [this](synod::status_atom) { return status(); },
      [this](synod::decision_atom, const synod::message<synod::schema::Pvalue>& decided, uint64_t mark) {
        marks_.note(current_sender(), mark);
        on_decision(decided);
      },
      [this](synod::tick_atom) {
        delayed_send(this, tick_interval, synod::tick_atom_v);
        return_marks();
      },
    };
  }

  void on_exit() override {
    replicas_.clear();
    marks_.take();
  }

private:
  void on_peer(const synod::peer& x) {
    if (x.role != "replica" || !x.handle)
      return;
    auto replica = caf::actor_cast<synod::replica_actor>(x.handle);
    replicas_[x.node] = replica;
    send(replica, synod::follow_atom_v, window_bytes);
  }

  /// Flow control: each replica sends more when it knows what came.
  void return_marks() { synod::return_marks(*this, marks_, 0); }

  void on_decision(const synod::message<synod::schema::Pvalue>& decided) {
    if (marks_.urgent())
      return_marks();
    ++decisions_;
    auto value = synod::fingerprint(decided->getValue());
    auto [known, fresh] = values_.try_emplace(decided->getSlot(), value);
    if (!fresh) {
      ++compared_;
      disagreements_ += known->second != value;
    }
    while (values_.size() > window_)
      values_.erase(values_.begin());
  }

  synod::message<synod::schema::RoleStatus> status() const {
    return synod::role_status("auditor", {{"decisions", static_cast<int64_t>(decisions_)},
                                          {"compared", static_cast<int64_t>(compared_)},
                                          {"disagreements", static_cast<int64_t>(disagreements_)}});
  }

  uint64_t window_;
  std::map<synod::node_id, synod::replica_actor> replicas_; // that it follows
  synod::marks marks_;                                      // to be returned
  std::map<synod::slot_number, uint64_t> values_;
  uint64_t decisions_ = 0;
  uint64_t compared_ = 0;
  uint64_t disagreements_ = 0;
};

} // namespace

synod::role_definition auditor_role() {
  using kind = synod::option_spec::kind;
  return {"auditor",
          "checks that replicas agree",
          {{"window", kind::number, "4096", "slots remembered", 16, 65536}},
          [](const synod::role_context& context) -> caf::expected<caf::actor> {
            return synod::spawn_role<auditor>(context, static_cast<uint64_t>(context.options.number("window")));
          }};
}

} // namespace bank
