// What synod-bench is to do.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synod::bench {

struct options {
  struct endpoint {
    std::string host;
    std::string port;
    std::string name() const { return (host.find(':') == std::string::npos ? host : '[' + host + ']') + ':' + port; }
  };

  std::vector<endpoint> targets; ///< connections are spread evenly over them
  /// In place of targets: a cluster in this process, which is asked through its clients, or through its gateway.
  enum class own { none, client, gateway };
  own through = own::none;
  size_t nodes = 3;           ///< of that
  std::string data_directory; ///< of that; empty: a temporary one
  bool staged = false;        ///< where the time of writes goes is told; of that only
  uint32_t clients = 50;      ///< connections
  uint32_t pipeline = 1;      ///< commands under way on each
  double rate = 0;            ///< commands a second, all connections together; 0: as many as are answered
  std::optional<uint64_t> requests;
  std::chrono::duration<double> duration{10}; ///< where no number of requests is given
  std::chrono::duration<double> warm_up{1};   ///< not measured
  bool fill = false;                          ///< writes each key once before anything is measured

  unsigned reads_percent = 0;
  uint64_t keys = 100'000;
  double skew = 0; ///< of the keys: 0, each as often as any other; or theta of a zipfian distribution, below 1
  size_t least_value_bytes = 64;
  size_t most_value_bytes = 64;
  uint64_t seed = 1;

  static constexpr uint32_t most_clients = 10'000;
  static constexpr uint32_t most_pipeline = 10'000;
  static constexpr uint64_t most_keys = 1'000'000'000;
  static constexpr size_t most_value = 8u << 20;
  static constexpr uint64_t most_bytes = 1u << 30; ///< of values that may be under way together
};

} // namespace synod::bench
