// How a process of Synod logs.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace synod {

/// A logger for one node, to standard error. `json`: one object per line, with time, level, node and message.
/// `level` is one of trace, debug, info, warn, error, off.
std::shared_ptr<spdlog::logger> make_logger(const std::string& node, const std::string& level, bool json);

} // namespace synod
