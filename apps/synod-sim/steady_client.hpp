// Asks while there are faults, where nothing is wrong.
#pragma once

#include "client_endpoint.hpp"
#include "simulated_host.hpp"

#include <map>

namespace synod::simulation {

/// In some runs nothing happens to a majority that can talk, whatever happens to the other nodes (plan.hpp, `spared`). This
/// client asks each replica of that majority again and again, for a read and for something to be decided, and says that the run
/// is broken when one does not answer within `longest_wait`: liveness, while faults and load go on.
///
/// What it asks for changes no key: the versions of one, and a session.
class steady_client : public participant {
public:
  /// A leader that suffers may have to be replaced again and again, each time by one whose timeout has grown.
  static constexpr std::chrono::seconds longest_wait{20};

  explicit steady_client(stage& on);

  const std::string& name() const override { return name_; }
  bool alive() const override { return true; }
  const std::vector<role>& roles() const override { return roles_; }
  void on_peer(uint32_t other, const std::string& name, const caf::strong_actor_ptr& handle) override;

  void start();
  /// Asks no more.
  void finish() { finished_ = true; }
  /// So long it has waited for an answer, at most.
  duration longest() const { return longest_; }

private:
  struct asked {
    caf::strong_actor_ptr replica; // null: not reached
    uint64_t number = 0;           // of what is asked for; 0: nothing is
    duration since{0};
    bool opened = false;
    bool read = false;
  };

  void take(const caf::message& content);
  void look();
  void ask(asked& x);
  void on_answer(uint64_t number, bool asked::*which);

  stage& stage_;
  std::string name_ = "steady client";
  strand strand_;
  std::vector<role> roles_;
  random_stream random_;
  std::map<uint32_t, asked> asked_; // by node
  bool finished_ = false;
  duration longest_{0};
};

} // namespace synod::simulation
