// A client of the library's: operations through an actor.
#pragma once

#include "client_endpoint.hpp"
#include "workload_client.hpp"

#include "synod/actors/client/client.hpp"

#include <map>

namespace synod::simulation {

/// A `client` (actors/client/) in a process of its own, and what asks it. It must get each operation performed once, in their
/// order, and answer with the result of the one time, whatever becomes of replicas. Up to `pipeline` operations are under way.
class session_client : public workload_client, public participant {
public:
  session_client(stage& on, uint32_t index, record_book& book);
  // participant
  const std::string& name() const override { return name_; }
  bool alive() const override { return true; }
  const std::vector<role>& roles() const override { return roles_; }
  void on_peer(uint32_t other, const std::string& name, const caf::strong_actor_ptr& handle) override;

  // client
  void start() override;
  void ask_last() override;
  std::string waits_for() const override;
  void end_process() override;

private:
  class host_environment;

  /// What the client was asked for.
  struct request {
    std::vector<place> operations;      // each has a reply
    std::vector<std::string> watched{}; // by the transaction that is to follow: it has their versions, behind the operations
    bool last = false;                  // the client's last write
  };

  void take(uint64_t number, const caf::message& content);
  void on_replies(const request& asked, const message<schema::Replies>& told);
  void on_fault(const request& asked, const caf::error& why);

  void next();
  void ask();
  void ask_write();
  void ask_of_user();
  void ask_writes(std::vector<std::pair<unsigned, operation>>&& drawn);
  void ask_last_write();
  void ask_read(unsigned group, operation x);
  void look_at(unsigned group);
  void ask_checked(const request& looked, schema::Reply::Reader versions);
  template <class Atom>
  void send(Atom what, request asked, const operation_writer& operations);

  std::string name_;
  strand strand_;
  caf::actor user_;         // who asks, and is told
  std::vector<role> roles_; // the client
  std::map<uint64_t, request> asked_;
  uint64_t last_asked_ = 0;
  bool last_write_ = false; // is to be answered
};

} // namespace synod::simulation
