// The client: has operations performed for other actors of its process.
#pragma once

#include "synod/actors/client/client_session.hpp"
#include "synod/actors/role/environment.hpp"
#include "synod/actors/role/peers.hpp"
#include "synod/messages/roles.hpp"

#include <map>
#include <optional>

namespace synod {

/// A client with a session of its own (client_session.hpp), as an actor: asked to `perform` operations, or to `query` read-only
/// ones, it answers with a reply to each when they were performed, however often replicas are lost meanwhile. Who wants to wait
/// no longer than so long says it in the timeout of the request. Where there is no answer there is an error, `client_error`.
///
///     auto mine = spawn<client, caf::linked>(environment, client::options{});
///     send(mine, peer_that_was_told);   // each `peer` that the role is told by its node
///     request(mine, caf::infinite, perform_atom_v, command({"INCR", "visits"}))
///       .then([](const message<schema::Replies>& told) { use(told->getReplies()[0]); });
///
/// Ends with the actor that it is linked to.
class client : public session_actor::base, private client_session::owner {
public:
  struct options {
    node_id beside = 0; ///< the replica of this node is used first; 0: any
    client_session::options session{};
  };

  /// `options.session.seed` is replaced by a random number of the environment's.
  client(caf::actor_config& config, environment_ptr environment, options x);

  behavior_type make_behavior() override;
  void on_exit() override;
  const char* name() const override { return "client"; }

  // For whoever checks bounds.
  const client_session& session() const { return session_; }

private:
  using answer_promise = caf::typed_response_promise<message<schema::Replies>>;
  using operations = message<schema::Operations>;

  // client_session::owner
  void ask(const message<schema::Request>& x) override;
  void ask(const message<schema::Query>& x) override;
  void answer(uint64_t asked, message<schema::Replies> replies) override;
  void fail(uint64_t asked, client_fault what, const std::string& why) override;

  void on_peer(const peer& x);
  void on_tick();
  void choose_replica();
  void note_mark(uint64_t mark);
  answer_promise wait(uint64_t& asked);
  template <class Message>
  void ask_replica(const Message& x);
  message<schema::RoleStatus> status() const;

  environment_ptr environment_;
  options options_;
  client_session session_;
  peers<replica_actor> replicas_;
  std::optional<node_id> used_; // the replica of that node
  marks marks_;                 // to be returned to replicas
  std::map<uint64_t, answer_promise> asked_;
  uint64_t last_asked_ = 0;
};

/// Operations for a client, or one command.
message<schema::Operations> packed(const operation_writer& operations);
message<schema::Operations> command(arguments words);
inline message<schema::Operations> command(std::initializer_list<std::string_view> words) {
  return command(arguments{words.begin(), words.size()});
}

/// What a client answers where the state machine does not: its code is a `client_fault`, its category "synod".
caf::error client_error(client_fault what, const std::string& why);
/// None: it is another error, a timeout of the request for example.
std::optional<client_fault> fault_of(const caf::error& x);

} // namespace synod
