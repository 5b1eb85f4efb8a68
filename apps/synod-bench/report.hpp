// What synod-bench says at the end.
#pragma once

#include "options.hpp"
#include "results.hpp"

#include <nlohmann/json_fwd.hpp>

#include <string>

namespace synod::bench {

/// A table: rates and latencies of reads and writes, and what went wrong.
std::string report_text(const options& asked, const results& found);

/// The same for machines. Times in milliseconds.
nlohmann::ordered_json report_json(const options& asked, const results& found);

/// The distribution as HdrHistogram's tools plot it: value (ms), percentile, count, 1/(1-percentile).
std::string percentiles_text(const latencies& x);

} // namespace synod::bench
