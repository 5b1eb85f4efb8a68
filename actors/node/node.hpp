// The node actor: the roles of one node, and the links to other nodes.
#pragma once

#include "synod/actors/node/connector.hpp"
#include "synod/actors/node/greeting.hpp"
#include "synod/actors/node/known_nodes.hpp"
#include "synod/actors/node/membership.hpp"
#include "synod/actors/node/turned_away.hpp"
#include "synod/actors/role/backoff.hpp"
#include "synod/actors/role/cluster.hpp"
#include "synod/messages/roles.hpp"

#include <caf/all.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace synod {

/// Tells every role of this node how the other roles are reached, as hosts come and go.
///
/// Of each pair of members the one that came later connects, or else the one whose name comes first; one that joins, or was
/// removed, connects with all. It asks for the other's greeting, and when both have found nothing against each other
/// (greeting.hpp) it takes the other, with the handles of its roles, and is answered with the other's. When both have
/// connected, at the same time, the link of the one that is to connect stays. A broken connection is tried again with growing
/// pauses, and brings fresh handles. A node that gets to know another one's data directory greets those
/// that it is connected with again: they get to know it, too, or part.
///
/// Which nodes there are its replica tells it, or another node's greeting (membership.hpp). It has changes decided for synod-ctl
/// (node_changes.cpp). A node that was removed ends when what it holds is held durably by enough of those that are members now.
///
/// Bounds: one link for each member, and `most_guests` of others; `most_strangers` names of others that were told of in the log;
/// one change at a time.
class node : public node_actor::base {
public:
  struct local_role {
    std::string name;
    caf::actor handle;
    bool explains = false; ///< it answers explain_atom
  };

  struct options {
    std::shared_ptr<const cluster> file; ///< as it was read
    membership members;                  ///< what is known when the node starts
    std::filesystem::path directory;     ///< where that is kept
    node_id self = 0;
    std::vector<local_role> roles;
    bool connects = true; ///< false when all nodes are in this process: they are given to each other
    uint64_t seed = 1;    ///< for jitter
    uint64_t token = 0;   ///< of this node's data directory
    std::shared_ptr<known_nodes> known;
    disk* files = nullptr;                ///< where `known` is kept; outlives the node
    std::shared_ptr<turned_away> refused; ///< at this node's door; null: it has none
    std::shared_ptr<spdlog::logger> log;
    std::function<void(const std::string& why)> fatal; ///< ends the process: a role is gone
    std::function<void()> leave;                       ///< ends the process in order: the node was removed
    std::function<uint64_t()> resident_bytes;          ///< memory of the process; none: it is not known
  };

  node(caf::actor_config& config, options opts);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "node"; }

private:
  using handles = std::vector<caf::strong_actor_ptr>;

  struct link {
    std::string name;
    endpoint address;
    connector_actor connector;   // null: the other one connects
    std::optional<member> guest; // as it has greeted
    uint64_t token = 0;          // of its data directory, as it has greeted
    caf::strong_actor_ptr other; // the node actor at the other end; null: not connected
    bool is_own = false;         // this node has connected
    std::vector<std::string> roles;
    std::string problem;                    // why it is not taken
    caf::actor_clock::time_point refused{}; // when that was last found
    caf::actor_clock::time_point lost{};    // since then it is not connected
    bool missed = false;                    // the log says so
    backoff pauses{std::chrono::milliseconds{50}, std::chrono::milliseconds{1000}};
    bool trying = false;
  };

  caf::result<message<schema::Hello>, handles> on_hello(const message<schema::Hello>& hello, const handles& roles);
  message<schema::NodeStatus> write_status(const std::vector<message<schema::RoleStatus>>& roles) const;
  using status_promise = caf::typed_response_promise<message<schema::NodeStatus>>;
  template <class... Question>
  status_promise ask_roles(const std::function<bool(const local_role&)>& which, const Question&... xs);
  message<schema::Hello> taking() const;
  handles role_handles() const;
  void tell_of_stranger(const std::string& name, const std::string& why);
  void meet(const known_nodes::tokens& told, std::function<void()> then);
  void on_remembered(const done_aside& x);
  void refuse(node_id other, const std::string& why);
  void connect(node_id other);
  std::string problem_of(node_id other) const;
  void connect_instead(node_id other);
  void connect_later(node_id other);
  void give_up(node_id other);
  std::string refusal_of(node_id other, const schema::Hello::Reader& answer) const;
  void show(node_id other, const node_actor& to, const message<schema::Hello>& hello, const handles& roles,
            std::function<void(const message<schema::Hello>&, const handles&)> then);
  void greet(node_id other, const node_actor& to);
  void take(node_id other, const node_actor& to);
  bool does_not_know(node_id other, const schema::Hello::Reader& answer) const;
  void tell_refusal(const node_actor& to, const std::string& why);
  void part(node_id other, const node_actor& from, const std::string& why, bool tell);
  bool link_up(node_id other, caf::strong_actor_ptr actor, bool is_own, const schema::Hello::Reader& hello, const handles& roles);
  bool is_second_link(node_id other, const caf::strong_actor_ptr& actor, bool is_own) const;
  void link_down(node_id other, const std::string& why);
  void look_at_links();
  void look_at_majority();
  void tell_roles(const peer& x);
  void hand_to_replica(caf::message x);
  const std::string& name_of(node_id other) const { return links_.at(other).name; }
  const node_description& self() const { return *config_->find(options_.self); }
  bool make_room_for(node_id other, const schema::Hello::Reader& hello);

  // members
  bool learn(const configurations& told);
  void store_members();
  void look_at_members();
  void note_greeting(node_id other, const schema::Hello::Reader& hello);
  bool connects_to(const member& other) const;
  bool is_needed(node_id other) const;
  void forget_links();
  bool is_of_own_replica();
  void on_performed(const message<schema::Performed>& told);
  void on_durable(const message<schema::Durable>& told);
  void leave_if_not_needed();

  // changes
  struct change_under_way {
    message<schema::Change> asked;
    caf::actor_clock::time_point begun{};
    std::optional<configuration> proposed{};
    caf::actor_clock::time_point again{}; // to be proposed once more
    caf::actor_clock::time_point polled{};
    schema::ChangeState::Outcome outcome = schema::ChangeState::Outcome::WAITS;
    std::string text{};
  };
  message<schema::ChangeState> on_change(const message<schema::Change>& asked);
  void go_on(change_under_way& x);
  void propose(change_under_way& x);
  void look_at_outcome(change_under_way& x);
  void move_leader(change_under_way& x);
  std::string not_level(const configuration& next) const;
  std::string lacks(const configuration& next) const;
  node_set reached() const;
  caf::actor role(const std::string& name) const;

  static constexpr size_t most_strangers = 64;
  static constexpr size_t most_guests = 64;

  options options_;
  std::shared_ptr<const cluster> config_; // as it is now
  greeting greeting_;
  std::map<node_id, slot_number> performed_; // by this node's replica, and those of nodes that join: every slot below
  message<schema::Performed> told_;          // by this node's replica, last
  caf::actor_clock::time_point learned_{};   // when the latest configuration was
  bool leaves_ = false;
  std::optional<change_under_way> change_;
  std::map<node_id, link> links_;
  std::set<std::string> strangers_;
  bool has_begun_ = false; // its handlers run
  caf::actor_clock::time_point started_{};
  bool has_majority_ = false;
  std::map<uint64_t, std::function<void()>> when_remembered_; // by the number of the work; at most one for each hello under way
  uint64_t works_ = 0;
  uint64_t storing_ = 0;      // the work that keeps the members; 0: none is under way
  bool stores_again_ = false; // when there may be room
  std::minstd_rand random_;
};

} // namespace synod
