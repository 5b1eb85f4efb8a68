#include "synod/actors/role/robust.hpp"

#include "synod/actors/role/error_text.hpp"

#include <utility>

namespace synod {

namespace {

/// `fatal` is kept as it is: a commander has one for each slot, and a function within a function would be two allocations.
template <class Fatal>
void end_by_exception(caf::scheduled_actor& self, Fatal fatal) {
  self.set_exception_handler([fatal = std::move(fatal)](caf::scheduled_actor* by, std::exception_ptr& thrown) -> caf::error {
    fatal(std::string{by->name()} + ": " + text_of(thrown));
    return caf::sec::runtime_error;
  });
}

} // namespace

void robust(caf::scheduled_actor& self, environment_ptr environment) {
  robust(self, [environment = std::move(environment)](const std::string& why) { environment->fatal(why); });
}

void robust_part(caf::scheduled_actor& self, environment_ptr environment) {
  end_by_exception(self, [environment = std::move(environment)](const std::string& why) { environment->fatal(why); });
}

void robust(caf::scheduled_actor& self, std::function<void(const std::string& why)> fatal) {
  // An empty result is no answer; caf::drop would send an error back, which ends a sender that is not prepared for it.
  self.set_default_handler([](caf::scheduled_actor*, caf::message_view&) -> caf::result<caf::message> { return caf::message{}; });
  // The error is the affair of whoever has no handler; nothing of this role depends on that message.
  self.set_error_handler([](caf::scheduled_actor*, caf::error&) {});
  self.set_exit_handler([](caf::scheduled_actor* by, caf::exit_msg& x) {
    if (x.source == by->address()) // CAF puts the receiver's own address into what is sent anonymously.
      by->quit(x.reason);
  });
  end_by_exception(self, std::move(fatal));
}

} // namespace synod
