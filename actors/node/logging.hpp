// How a process of Synod logs.
#pragma once

#include <spdlog/spdlog.h>

#include <memory>
#include <string>

namespace synod {

/// A logger for one node, to standard error. Never waits for who reads that: while it takes nothing, lines are dropped, counted,
/// and told of as soon as it does again. A line is 4096 bytes long at most. `json`: one object per line, with time, level, node
/// and message.
/// `level` is one of trace, debug, info, warn, error, off.
std::shared_ptr<spdlog::logger> make_logger(const std::string& node, const std::string& level, bool json);

} // namespace synod
