// What synod-bench says at the end.
#pragma once

#include "options.hpp"
#include "results.hpp"
#include "stages.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace synod::bench {

/// A table: rates and latencies of reads and writes, what went wrong, and the stages of writes, if they were measured.
std::string report_text(const options& asked, const results& found, const std::vector<stages::stage>& way = {});

/// The same for machines. Times in milliseconds.
nlohmann::ordered_json report_json(const options& asked, const results& found, const std::vector<stages::stage>& way = {});

/// The distribution as HdrHistogram's tools plot it: value (ms), percentile, count, 1/(1-percentile).
std::string percentiles_text(const latencies& x);

} // namespace synod::bench
