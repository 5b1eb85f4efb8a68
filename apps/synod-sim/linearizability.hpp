// Is there an order of all operations that explains every reply?
#pragma once

#include "model.hpp"

namespace synod::simulation {

struct verdict {
  enum class kind { linearizable, broken, undecided };
  kind what = kind::linearizable;
  std::string explanation; ///< of a broken history: how far an order can be found, and what does not fit behind it
  size_t steps = 0;
};

/// Wing and Gong's search, with Lowe's memo of (operations done, state): an operation takes effect at one
/// moment between its call and its return; one without a return at any moment after its call, or never. The history holds all
/// operations on some keys, and none on others, in the order of their calls. The order in which they were decided (`place`)
/// is tried first, then all others; `most_steps` bounds either search.
verdict check_linearizable(const history& all, size_t most_steps = 2'000'000);

} // namespace synod::simulation
