#include "synod/actors/role/error_text.hpp"

#include <caf/all.hpp>

#include <algorithm>
#include <system_error>

namespace synod {

namespace {

/// What CAF calls its own errors, as words.
std::string name_of(const caf::error& problem) {
  std::string name;
  if (problem.category() == caf::error{caf::sec::runtime_error}.category())
    name = to_string(static_cast<caf::sec>(problem.code()));
  else if (problem.category() == caf::error{caf::exit_reason::kill}.category())
    name = to_string(static_cast<caf::exit_reason>(problem.code()));
  else
    name = "error " + std::to_string(problem.code());
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

} // namespace

std::string text_of(const caf::error& problem) {
  if (!problem)
    return "no error";
  std::string text;
  auto context = problem.context();
  if (context.size() > 0 && context.match_element<std::string>(0)) // What is behind it is for programs.
    text = context.get_as<std::string>(0);
  return text.empty() ? name_of(problem) : text;
}

std::string text_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    return "there is no memory left";
  } catch (const std::system_error& x) {
    if (x.code() != std::errc::resource_unavailable_try_again)
      return x.what();
    return std::string{"cannot make a thread: "} + x.what()
           + ": do the limits on processes (ulimit -u, TasksMax of a service) and on memory (ulimit -v) allow so many?";
  } catch (const std::exception& x) {
    return x.what();
  } catch (...) {
    return "an exception of an unknown kind";
  }
}

} // namespace synod
