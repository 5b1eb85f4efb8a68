// What happens in a run, in the paper's words.
#pragma once

#include "random.hpp"

#include "synod/messages/batch.hpp"
#include "synod/messages/roles.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <deque>
#include <string>

namespace synod::simulation {

/// One line per event: into a file, and the last ones kept in memory. A run that is not traced pays for nothing but
/// the question.
class trace {
public:
  static constexpr size_t kept_lines = 60;

  /// `file` may be null: only the last lines are kept.
  void begin(std::FILE* file) {
    on_ = true;
    file_ = file;
  }
  void end() { on_ = false; }
  bool on() const { return on_; }

  template <class... Ts>
  void say(duration now, fmt::format_string<Ts...> text, Ts&&... xs) {
    if (on_)
      write(now, fmt::format(text, std::forward<Ts>(xs)...));
  }

  const std::deque<std::string>& last() const { return last_; }

private:
  void write(duration now, std::string text);

  bool on_ = false;
  std::FILE* file_ = nullptr;
  std::deque<std::string> last_;
};

/// A message between roles as a reader of the paper knows it.
std::string describe(const caf::message& content);

/// A value: how many commands, and a number that tells it from others.
std::string describe(schema::Batch::Reader value);
std::string describe(schema::Pvalue::Reader pvalue);

} // namespace synod::simulation
