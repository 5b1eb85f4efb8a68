#include "synod/actors/role/progress.hpp"

#include "synod/actors/role/environment.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace synod {

void progress_teller::operator()(uint64_t bytes, uint64_t of_bytes) {
  auto now = now_();
  if (now - told_at_ < interval.count() && now >= told_at_)
    return;
  told_at_ = now;
  constexpr uint64_t mib = 1u << 20;
  bytes = std::min(bytes, of_bytes);
  tell_(fmt::format("{}: {} %, {} of {} MiB", what_, of_bytes == 0 ? 100 : bytes * 100 / of_bytes, bytes / mib, of_bytes / mib));
}

progress told_in_log(environment& here, std::string what) {
  return progress_teller{std::move(what), [&here] { return here.wall_clock_us(); },
                         [&here](const std::string& text) { here.log().info("{}", text); }};
}

} // namespace synod
