// synod-ctl explain.
#pragma once

#include "asking.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace synod::ctl {

/// What became of a slot, as far as the nodes together know.
nlohmann::json explain_json(uint64_t slot, const std::vector<answer>& answers);

/// For people: what was chosen and by whom, then what happened when and where, then what is not known, and why.
std::string explain_text(uint64_t slot, const std::vector<answer>& answers);

} // namespace synod::ctl
