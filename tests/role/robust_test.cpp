#include "harness.hpp"
#include "test_environment.hpp"

#include "synod/actors/role/robust.hpp"
#include "synod/messages/status.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

using namespace synod;
using namespace synod::test;

namespace {

/// A role whose author thought of nothing that may go wrong.
class fragile : public role_actor::base {
public:
  fragile(caf::actor_config& config, std::string name) : role_actor::base{config}, name_{std::move(name)} {}

  behavior_type make_behavior() override {
    return {
      [this](const peer& x) {
        if (x.role == "poison")
          throw std::runtime_error{"cannot take it"};
        if (x.handle) // It has no handler for this.
          send(caf::actor_cast<replica_actor>(x.handle), follow_atom_v, uint64_t{1});
      },
      [this](status_atom) {
        return role_status(name_.c_str(), {{"told", int64_t{1}}});
      },
    };
  }
  const char* name() const override { return "fragile"; }

private:
  std::string name_;
};

struct fixture : actor_world {
  fixture() { subject = *spawn_role<fragile>({self, options, environment_}, "mine"); }
  ~fixture() { end(subject); }

  bool answers() {
    probe asker{*this};
    asker.send(caf::actor_cast<role_actor>(subject), status_atom_v);
    run();
    return asker->has<message<schema::RoleStatus>>();
  }

  std::shared_ptr<test_environment> environment_ = std::make_shared<test_environment>(system);
  identity self{std::make_shared<const cluster>(), 0, 1};
  option_values options{{}};
  caf::actor subject;
};

} // namespace

TEST_CASE_FIXTURE(fixture, "nothing that is sent to a user's role ends it") {
  probe other{*this};
  auto answers_with_errors = [](caf::event_based_actor* self, int) -> caf::behavior {
    self->set_default_handler(caf::drop);
    return {[](caf::sys_atom) {}};
  };
  auto deaf = system.spawn(answers_with_errors, 0);
  caf::anon_send(subject, peer{1, "deaf", caf::actor_cast<caf::strong_actor_ptr>(deaf)});
  caf::anon_send(subject, follow_atom_v, uint64_t{5});
  caf::anon_send(subject, caf::make_error(caf::sec::unexpected_message));
  caf::send_as(other.as<caf::actor>(), subject, decision_atom_v);
  caf::send_as(other.as<caf::actor>(), subject, caf::exit_msg{other.ptr()->address(), caf::exit_reason::user_shutdown});
  run();
  CHECK(answers());
  CHECK(environment_->ended.empty());
  end(deaf);
}

TEST_CASE_FIXTURE(fixture, "an exception of its own ends the process, with the reason") {
  caf::anon_send(subject, peer{1, "poison", nullptr});
  run();
  CHECK(environment_->ended == "fragile: cannot take it");
}
