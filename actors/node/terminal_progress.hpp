// How far long work is, on a terminal.
#pragma once

#include "synod/actors/role/progress.hpp"

#include <string>

namespace synod {

/// One line of standard error, over and over, until something else is said; nothing where that is no terminal.
class terminal_progress {
public:
  terminal_progress();
  ~terminal_progress() { clear(); }
  terminal_progress(const terminal_progress&) = delete;
  terminal_progress& operator=(const terminal_progress&) = delete;

  /// What is told how far the work is: `what` names it, "reading FILE".
  synod::progress of(const std::string& what);
  void show(const std::string& text);
  void clear();

private:
  bool on_;
  bool shown_ = false;
};

} // namespace synod
