#include "payer.hpp"

#include <synod/actors/client/client.hpp>
#include <synod/actors/role/robust.hpp>
#include <synod/messages/roles.hpp>
#include <synod/messages/status.hpp>

#include <chrono>
#include <string>

namespace bank {

namespace {

using payer_actor = synod::role_actor::extend<caf::reacts_to<synod::tick_atom>>;

struct order {
  std::string from;
  std::string to;
  std::string amount;
  std::chrono::milliseconds interval;
};

/// Pays the same amount again and again, each time exactly once: its client asks until it is answered.
class payer : public payer_actor::base {
public:
  payer(caf::actor_config& config, synod::environment_ptr environment, synod::client::options with, order what)
    : payer_actor::base{config},
      order_{std::move(what)},
      client_{spawn<synod::client, caf::linked>(std::move(environment), with)} {}

  behavior_type make_behavior() override {
    delayed_send(this, order_.interval, synod::tick_atom_v);
    return {
      [this](const synod::peer& x) { send(client_, x); },
      [this](synod::status_atom) { return status(); },
      [this](synod::tick_atom) { pay(); },
    };
  }

  void on_exit() override { client_ = nullptr; }

private:
  void pay() {
    auto next = [this] { delayed_send(this, order_.interval, synod::tick_atom_v); };
    request(client_, caf::infinite, synod::perform_atom_v, synod::command({"BANK.MOVE", order_.from, order_.to, order_.amount}))
      .then(
        [this, next](const synod::message<synod::schema::Replies>& told) {
          ++(told->getReplies()[0].isInteger() ? paid_ : refused_);
          next();
        },
        [this, next](const caf::error&) {
          ++unknown_;
          next();
        });
  }

  synod::message<synod::schema::RoleStatus> status() const {
    return synod::role_status("payer", {{"paid", paid_}, {"refused", refused_}, {"unknown", unknown_}});
  }

  order order_;
  synod::session_actor client_;
  int64_t paid_ = 0;
  int64_t refused_ = 0; // by the bank
  int64_t unknown_ = 0; // whether it was paid: the session had ended
};

} // namespace

synod::role_definition payer_role() {
  using kind = synod::option_spec::kind;
  return {"payer",
          "a standing order",
          {{"from", kind::text, "rent", "account"},
           {"to", kind::text, "landlord", "account"},
           {"amount", kind::number, "1", "of each payment", 0},
           {"interval", kind::duration, "100ms", "between payments", 1}},
          [](const synod::role_context& context) -> caf::expected<caf::actor> {
            auto& given = context.options;
            synod::client::options with;
            with.beside = context.self.node;
            with.session.lifetime = context.self.config->options_of("replica").duration("session-lifetime");
            order what{given.text("from"), given.text("to"), std::to_string(given.number("amount")), given.duration("interval")};
            return synod::spawn_role<payer>(context, context.environment, with, std::move(what));
          }};
}

} // namespace bank
