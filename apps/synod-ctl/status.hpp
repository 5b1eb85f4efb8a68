// synod-ctl status.
#pragma once

#include "asking.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace synod::ctl {

/// All that the nodes tell, for machines.
nlohmann::json status_json(const std::vector<answer>& answers);

/// For people: a table for each role, a line for each node; then what is wrong, a sentence each. `window`: of the cluster file.
std::string status_text(const std::vector<answer>& answers, uint64_t window);

} // namespace synod::ctl
