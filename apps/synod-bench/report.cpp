#include "report.hpp"

#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>
#include <vector>

namespace synod::bench {

namespace {

constexpr double ms = 1000; // microseconds

struct share {
  const char* name;
  double of; // 1: the longest
};
constexpr share shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

double at(const latencies& x, share which) {
  return (which.of == 1 ? x.most() : x.quantile(which.of)) / ms;
}

std::vector<std::pair<const char*, const latencies*>> kinds(const results& found) {
  std::vector<std::pair<const char*, const latencies*>> all;
  for (auto [name, x] : {std::pair{"writes", &found.writes}, std::pair{"reads", &found.reads}})
    if (x->count() > 0)
      all.emplace_back(name, x);
  return all;
}

double rate(uint64_t count, const results& found) {
  return found.seconds > 0 ? static_cast<double>(count) / found.seconds : 0;
}

std::string targets(const options& asked) {
  std::string all;
  if (asked.through != options::own::none)
    return fmt::format("{} nodes in this process, by way of {}", asked.nodes,
                       asked.through == options::own::client ? "client actors" : "a gateway");
  for (auto& each : asked.targets)
    all += (all.empty() ? "" : ", ") + each.name();
  return all;
}

} // namespace

std::string report_text(const options& asked, const results& found, const std::vector<stages::stage>& way) {
  auto values = asked.least_value_bytes == asked.most_value_bytes
                  ? fmt::format("{}", asked.most_value_bytes)
                  : fmt::format("{} to {}", asked.least_value_bytes, asked.most_value_bytes);
  auto text = fmt::format("{}: {} clients, pipeline {}, {} % reads, {} keys{}, values of {} bytes\n", targets(asked),
                          asked.clients, asked.pipeline, asked.reads_percent, asked.keys,
                          asked.skew > 0 ? fmt::format(" (zipfian, {})", asked.skew) : "", values);
  text += fmt::format("{:.0f} commands a second{} for {:.1f} s; latencies in ms{}\n", rate(found.in_time, found),
                      asked.rate > 0 ? fmt::format(" of {:.0f}", asked.rate) : "", found.seconds,
                      asked.rate > 0 ? ", from when each was due" : "");
  auto out = std::back_inserter(text);
  auto lines = kinds(found);
  auto whole = lines.size(); // Behind these come their stages.
  for (auto& each : way)
    lines.emplace_back(each.name.c_str(), &each.times);
  int width = 8;
  for (auto& [name, x] : lines)
    width = std::max(width, static_cast<int>(std::strlen(name)));
  auto head = [&](const char* what) {
    fmt::format_to(out, "{:{}} {:>10} {:>9}", what, width, "count", "mean");
    for (auto& each : shares)
      fmt::format_to(out, " {:>9}", each.name);
    text += '\n';
  };
  head("");
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i == whole)
      head("a write's");
    auto& [name, x] = lines[i];
    fmt::format_to(out, "{:{}} {:>10} {:>9.3f}", name, width, x->count(), x->mean() / ms);
    for (auto& each : shares)
      fmt::format_to(out, " {:>9.3f}", at(*x, each));
    text += '\n';
  }
  for (auto& [kind, count] : found.errors)
    fmt::format_to(out, "errors: {} {}\n", count, kind);
  if (found.lost_connections > 0)
    fmt::format_to(out, "connections lost: {}\n", found.lost_connections);
  if (found.not_sent > 0)
    fmt::format_to(out, "not sent: {} were due, and all connections had as many under way as their pipeline has\n",
                   found.not_sent);
  return text;
}

nlohmann::ordered_json report_json(const options& asked, const results& found, const std::vector<stages::stage>& way) {
  nlohmann::ordered_json all{{"targets", targets(asked)},
                             {"clients", asked.clients},
                             {"pipeline", asked.pipeline},
                             {"rate_asked", asked.rate},
                             {"reads_percent", asked.reads_percent},
                             {"keys", asked.keys},
                             {"skew", asked.skew},
                             {"value_bytes", {asked.least_value_bytes, asked.most_value_bytes}},
                             {"seconds", found.seconds},
                             {"answered", found.in_time},
                             {"rate", rate(found.in_time, found)},
                             {"not_sent", found.not_sent},
                             {"lost_connections", found.lost_connections},
                             {"errors", found.errors}};
  auto told = [](const latencies& x) {
    nlohmann::ordered_json each{{"count", x.count()}, {"mean", x.mean() / ms}};
    for (auto& step : shares)
      each[step.name] = at(x, step);
    return each;
  };
  for (auto& [name, x] : kinds(found))
    all[name] = told(*x);
  for (auto& each : way)
    all["stages"][each.name] = told(each.times);
  return all;
}

std::string percentiles_text(const latencies& x) {
  std::string text = "       Value     Percentile TotalCount 1/(1-Percentile)\n\n";
  auto out = std::back_inserter(text);
  x.each([&](double microseconds, uint64_t up_to) {
    auto part = static_cast<double>(up_to) / static_cast<double>(x.count());
    auto rest = part < 1 ? fmt::format("{:14.2f}", 1 / (1 - part)) : fmt::format("{:>14}", "inf");
    fmt::format_to(out, "{:12.3f} {:14.12f} {:10d} {}\n", microseconds / ms, part, up_to, rest);
  });
  fmt::format_to(out, "#[Mean    = {:12.3f}]\n#[Max     = {:12.3f}, Total count    = {:12d}]\n", x.mean() / ms, x.most() / ms,
                 x.count());
  return text;
}

} // namespace synod::bench
