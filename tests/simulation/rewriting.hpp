// A role that gets other messages than it was sent.
#pragma once

#include <caf/all.hpp>

#include <optional>
#include <utility>

namespace synod::test {

/// A role whose messages are looked at, replaced or dropped by `Filter` before it gets them: the role stays as it is, and what
/// it does is wrong all the same. A filter is made with the role and has
/// `std::optional<caf::message> operator()(Role&, const caf::message&, const caf::strong_actor_ptr& sender)`.
template <class Role, class Filter>
class rewriting : public Role {
public:
  using Role::enqueue;
  using Role::Role;

  void enqueue(caf::mailbox_element_ptr what, caf::execution_unit* on) override {
    auto content = what->move_content_to_message();
    if (auto passed = filter_(*this, content, what->sender))
      Role::enqueue(caf::make_mailbox_element(what->sender, what->mid, std::move(what->stages), std::move(*passed)), on);
  }

private:
  Filter filter_;
};

/// The message at `index`, if it is one of that type; null otherwise.
template <class T>
const T* part(const caf::message& content, size_t index = 0) {
  return index < content.size() && content.match_element<T>(index) ? &content.get_as<T>(index) : nullptr;
}

} // namespace synod::test
