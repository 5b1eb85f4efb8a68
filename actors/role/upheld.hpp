// What must be true, checked where it is relied on.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <functional>
#include <string>
#include <string_view>

namespace synod {

/// What is done about a broken invariant: gets its name and what was seen.
using broken_handler = std::function<void(std::string_view invariant, const std::string& seen)>;

/// Sets what is done from now on, and gives what was done before; empty: the process ends with the reason, status 1.
/// For one thread, before any role runs: tests and the simulator look at what is broken instead.
broken_handler on_broken(broken_handler handler);

/// An invariant does not hold: a bug, here or in another host. Does not return, but by an exception of the handler's.
[[noreturn]] void broken(std::string_view invariant, const std::string& seen);

/// Ends the process when `holds` is false: nobody goes on with a state that cannot be. `invariant` is its name (A1 to R5 are
/// the paper's, messages/protocol.md), the rest tells what was seen, as fmt::format takes it. Costs a comparison.
template <class... Ts>
void upheld(bool holds, std::string_view invariant, fmt::format_string<const Ts&...> seen, const Ts&... xs) {
  if (!holds) [[unlikely]]
    broken(invariant, fmt::format(seen, xs...));
}

} // namespace synod
