#include "synod/actors/node/terminal_progress.hpp"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <utility>

namespace synod {

namespace {

int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

} // namespace

terminal_progress::terminal_progress() : on_{::isatty(STDERR_FILENO) == 1} {}

synod::progress terminal_progress::of(const std::string& what) {
  if (!on_)
    return {};
  show(what);
  return progress_teller{what, steady_us, [this](const std::string& text) { show(text); }};
}

void terminal_progress::show(const std::string& text) {
  if (!on_)
    return;
  std::cerr << "\r\033[K" << text << std::flush;
  shown_ = true;
}

void terminal_progress::clear() {
  if (std::exchange(shown_, false))
    std::cerr << "\r\033[K" << std::flush;
}

} // namespace synod
