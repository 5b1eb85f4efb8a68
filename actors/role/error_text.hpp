// Errors as people read them.
#pragma once

#include <caf/error.hpp>

#include <exception>
#include <string>

namespace synod {

/// The text that an error was made with; of one without a text, what it means in a few words. Never empty.
std::string text_of(const caf::error& problem);

/// The same for an exception, within a handler of it or not.
std::string text_of(const std::exception_ptr& thrown);

} // namespace synod
