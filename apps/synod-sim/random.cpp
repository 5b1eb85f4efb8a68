#include "random.hpp"

#include <xxhash.h>

namespace synod::simulation {

random_stream::random_stream(uint64_t seed, std::string_view purpose, uint64_t index)
  : engine_{XXH3_64bits_withSeed(purpose.data(), purpose.size(), seed + index * 0x9e3779b97f4a7c15)} {}

} // namespace synod::simulation
