// synod-bench: puts load on servers that speak the Redis protocol, and measures.
#include "client_connection.hpp"
#include "load.hpp"
#include "own_cluster.hpp"
#include "report.hpp"

#include "synod/actors/node/command_line.hpp"
#include "synod/actors/node/terminal_progress.hpp"

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>

#include <charconv>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>

namespace {

using synod::bench::options;

/// HOST:PORT; false: it is none.
bool parse_target(const std::string& text, options::endpoint& into) {
  auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0)
    return false;
  into = {text.substr(0, colon), text.substr(colon + 1)};
  auto opened = into.host.front() == '[', closed = into.host.back() == ']';
  if (opened && closed)
    into.host = into.host.substr(1, into.host.size() - 2);
  uint16_t port = 0;
  auto* end = into.port.data() + into.port.size();
  auto parsed = std::from_chars(into.port.data(), end, port);
  return opened == closed && !into.host.empty() && parsed.ec == std::errc{} && parsed.ptr == end && port > 0;
}

/// BYTES or LEAST-MOST; false: it is neither.
bool parse_value_bytes(const std::string& text, options& into) {
  unsigned long long least = 0, most = 0;
  int end = 0;
  if (std::sscanf(text.c_str(), "%llu-%llu%n", &least, &most, &end) == 2 && text[static_cast<size_t>(end)] == '\0') {
    into.least_value_bytes = least;
    into.most_value_bytes = most;
  } else if (std::sscanf(text.c_str(), "%llu%n", &least, &end) == 1 && text[static_cast<size_t>(end)] == '\0') {
    into.least_value_bytes = into.most_value_bytes = least;
  } else {
    return false;
  }
  return text[0] != '-' && into.least_value_bytes <= into.most_value_bytes && into.most_value_bytes <= options::most_value;
}

/// uniform, zipfian or zipfian:THETA; false: it is none of them.
bool parse_distribution(const std::string& text, options& into) {
  constexpr double usual_skew = 0.99;
  if (text == "uniform") {
    into.skew = 0;
    return true;
  }
  if (text == "zipfian") {
    into.skew = usual_skew;
    return true;
  }
  constexpr std::string_view name = "zipfian:";
  if (!text.starts_with(name))
    return false;
  char* end = nullptr;
  into.skew = std::strtod(text.c_str() + name.size(), &end);
  return *end == '\0' && into.skew > 0 && into.skew < 1;
}

/// Each connection takes a descriptor.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

bool write_histogram(const std::string& file, const synod::bench::latencies& x) {
  if (x.count() == 0)
    return true;
  std::ofstream out{file};
  out << synod::bench::percentiles_text(x) << std::flush;
  if (!out)
    std::cerr << "error: cannot write " << file << std::endl;
  return static_cast<bool>(out);
}

/// What is told, and how.
struct output {
  std::string histogram;
  bool json;
  bool quiet;
};

using stages = std::vector<synod::bench::stages::stage>;

int tell(const options& asked, const output& how, const std::string& problem, const synod::bench::results& found,
         const stages& way) {
  if (!problem.empty())
    std::cerr << "error: " << problem << std::endl;
  if (!problem.empty() && found.seconds == 0)
    return synod::exit_status::failed;
  if (how.json)
    std::cout << report_json(asked, found, way).dump(2) << std::endl;
  else
    std::cout << report_text(asked, found, way) << std::flush;
  auto& file = how.histogram;
  auto written =
    file.empty() || (write_histogram(file + ".writes.hgrm", found.writes) && write_histogram(file + ".reads.hgrm", found.reads));
  if (found.in_time == 0)
    std::cerr << "error: no command was answered while it was measured" << std::endl;
  return problem.empty() && written && std::cout && found.in_time > 0 ? synod::exit_status::clean : synod::exit_status::failed;
}

synod::bench::load::progress shows(synod::terminal_progress& on, bool quiet) {
  return [&on, quiet](const char* phase, double share, double rate) {
    if (!quiet)
      on.show(fmt::format("{}: {:.0f} %, {:.0f} commands a second", phase, 100 * share, rate));
  };
}

int run(const options& asked, const output& how) {
  synod::terminal_progress progress;
  synod::bench::load load{asked, shows(progress, how.quiet)};
  auto problem = load.run();
  progress.clear();
  return tell(asked, how, problem, load.found(), {});
}

/// With a cluster of its own.
int run_own(options asked, const output& how) {
  auto by_clients = asked.through == options::own::client;
  auto& cluster =
    *new synod::bench::own_cluster{{asked.nodes, asked.data_directory, by_clients ? asked.clients : 0, asked.staged}};
  for (auto each : {SIGINT, SIGTERM}) // What is temporary is to be deleted: they count while there is load.
    std::signal(each, SIG_IGN);
  auto status = cluster.start();
  if (!status) {
    auto at = cluster.gateway_at();
    asked.targets = {{at.host, std::to_string(at.port)}};
    std::unique_ptr<synod::bench::asking> asking;
    synod::bench::load::transport through;
    if (by_clients) {
      through.make = [&](synod::bench::connection::owner& of, uv_loop_t& loop, uint32_t number) {
        if (!asking)
          asking = std::make_unique<synod::bench::asking>(loop, cluster.system(), cluster.watch());
        return std::make_unique<synod::bench::client_connection>(of, *asking, cluster.clients()[number]);
      };
      through.ends = [&] { asking->close(); };
    }
    if (auto* watch = cluster.watch())
      through.measures = [watch](bool on) { on ? watch->begin() : watch->end(); };
    synod::terminal_progress progress;
    synod::bench::load load{asked, shows(progress, how.quiet), through};
    auto problem = load.run();
    progress.clear();
    for (auto each : {SIGINT, SIGTERM})
      std::signal(each, SIG_IGN);
    status = tell(asked, how, problem, load.found(), cluster.watch() ? cluster.watch()->found() : stages{});
    cluster.end();
  }
  std::_Exit(*status); // CAF would wait for memory that messages on their way still hold.
}

} // namespace

int main(int argc, char** argv) {
  options asked;
  std::vector<std::string> targets;
  std::string distribution = "uniform", value_bytes = "64", histogram, in_process;
  double seconds = 10, warm_up = 1;
  bool json = false, quiet = false;
  constexpr double longest = 86'400;
  constexpr uint32_t most_client_actors = 1000;
  constexpr uint64_t most_taken = 12u << 20;
  CLI::App app{"Puts load on servers that speak the Redis protocol, and measures how long commands take.", "synod-bench"};
  app.add_option("--target", targets,
                 "HOST:PORT; several: connections are spread evenly (default: 127.0.0.1:7101, of synod-dev)");
  app
    .add_option("--in-process", in_process,
                "A cluster of its own, in this process, in place of targets: asked through client actors, or its gateway")
    ->check(CLI::IsMember({"client", "gateway"}));
  app.add_option("--nodes", asked.nodes, "Of that cluster")->check(CLI::Range(1, 9))->capture_default_str();
  app.add_option("--data-dir", asked.data_directory, "Of that cluster (default: a temporary directory, deleted at the end)");
  app.add_flag("--stages", asked.staged, "Tells where the time of writes goes, in that cluster");
  app.add_option("--clients", asked.clients, "Connections")->check(CLI::Range(1u, options::most_clients))->capture_default_str();
  app.add_option("--pipeline", asked.pipeline, "Commands under way on each")
    ->check(CLI::Range(1u, options::most_pipeline))
    ->capture_default_str();
  app
    .add_option("--rate", asked.rate,
                "Commands a second in all, each measured from when it was due (default: as many as are answered)")
    ->check(CLI::Range(0.001, 1e8));
  auto* by_time =
    app.add_option("--seconds", seconds, "How long it is measured")->check(CLI::Range(0.1, longest))->capture_default_str();
  app.add_option("--requests", asked.requests, "Ends after so many commands, instead")
    ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
    ->excludes(by_time);
  app.add_option("--warm-up", warm_up, "Seconds of load before anything is measured")
    ->check(CLI::Range(0.0, longest))
    ->capture_default_str();
  app.add_option("--reads", asked.reads_percent, "Percent of the commands that are GET, the others are SET")
    ->check(CLI::Range(0, 100))
    ->capture_default_str();
  app.add_option("--keys", asked.keys, "Different keys")
    ->check(CLI::Range(uint64_t{1}, options::most_keys))
    ->capture_default_str();
  app.add_option("--distribution", distribution, "Of the keys: uniform, zipfian or zipfian:THETA, below 1")
    ->capture_default_str();
  app.add_option("--value-bytes", value_bytes, "Of each value, or LEAST-MOST")->capture_default_str();
  app.add_flag("--fill", asked.fill, "Writes each key once before anything is measured");
  app.add_option("--seed", asked.seed, "Of the commands: the same one, the same commands")->capture_default_str();
  app.add_option("--histogram", histogram, "Writes FILE.writes.hgrm and FILE.reads.hgrm, for HdrHistogram's plotters")
    ->type_name("FILE");
  app.add_flag("--json", json, "Prints the results for machines");
  app.add_flag("--quiet", quiet, "Shows no progress");
  app.set_version_flag("--version", std::string{SYNOD_VERSION});
  if (auto ended = synod::parse_command_line(app, argc, argv))
    return *ended;
  if (!in_process.empty() && !targets.empty())
    return synod::bad_arguments("--in-process has no --target");
  if (in_process.empty() && (asked.staged || !asked.data_directory.empty() || app.count("--nodes") > 0))
    return synod::bad_arguments("--stages, --nodes and --data-dir need --in-process");
  asked.through = in_process.empty() ? options::own::none : in_process == "client" ? options::own::client : options::own::gateway;
  if (targets.empty() && in_process.empty())
    targets.push_back("127.0.0.1:7101");
  for (auto& each : targets)
    if (!parse_target(each, asked.targets.emplace_back()))
      return synod::bad_arguments("--target=" + each + " is not HOST:PORT");
  if (!parse_value_bytes(value_bytes, asked))
    return synod::bad_arguments(
      fmt::format("--value-bytes={} is neither a number nor LEAST-MOST, up to {}", value_bytes, options::most_value));
  if (!parse_distribution(distribution, asked))
    return synod::bad_arguments("--distribution=" + distribution
                                + " is none of uniform, zipfian, zipfian:THETA (above 0, below 1)");
  asked.duration = std::chrono::duration<double>{seconds};
  asked.warm_up = std::chrono::duration<double>{warm_up};
  if (!std::isfinite(seconds) || !std::isfinite(warm_up) || !std::isfinite(asked.rate))
    return synod::bad_arguments("--seconds, --warm-up and --rate are numbers");
  if (in_process == "client" && asked.clients > most_client_actors)
    return synod::bad_arguments(fmt::format("--in-process=client: a replica serves {} clients at most", most_client_actors));
  if (in_process == "client" && uint64_t{asked.clients} * asked.pipeline * (asked.most_value_bytes + 64) > most_taken)
    return synod::bad_arguments(
      fmt::format("--clients, --pipeline and --value-bytes: a replica takes {} bytes together", most_taken));
  if (uint64_t{asked.clients} * asked.pipeline * asked.most_value_bytes > options::most_bytes)
    return synod::bad_arguments(
      fmt::format("--clients, --pipeline and --value-bytes: up to {} bytes may be under way together", options::most_bytes));
  auto place = std::filesystem::path{histogram}.parent_path();
  if (!place.empty() && !std::filesystem::is_directory(place))
    return synod::bad_arguments("--histogram=" + histogram + ": " + place.string() + " is no directory");
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN); // A connection that is lost is an error of the write.

  return in_process.empty() ? run(asked, {histogram, json, quiet}) : run_own(asked, {histogram, json, quiet});
}
