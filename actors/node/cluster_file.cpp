#include "synod/actors/node/cluster_file.hpp"

#include "synod/actors/node/tcp.hpp"

// Bad input is an error here, never an abort: the library asserts on some of it in builds without NDEBUG.
#define TOML_ASSERT(expression) static_cast<void>(0)
#include <spdlog/fmt/fmt.h>
#include <toml++/toml.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <sstream>

namespace synod {

namespace {

constexpr size_t most_nodes = 64;
constexpr size_t longest_name = 64;
constexpr size_t shortest_secret = 16, longest_secret = 1024;
constexpr size_t largest_secret_file = 4096; // With what follows the secret.
constexpr size_t largest_cluster_file = 1 << 20;

bool is_name(const std::string& text) {
  return !text.empty() && text.size() <= longest_name && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

struct file_content {
  std::string text;
  mode_t mode = 0;     // of the file that was read, whatever has its name now
  std::string problem; // why there is none
};

file_content read_from(int opened, size_t most) {
  struct stat info {};
  if (::fstat(opened, &info) != 0)
    return {{}, 0, "cannot be read"};
  if (!S_ISREG(info.st_mode)) // One that ends.
    return {{}, 0, "cannot be read: expected a regular file"};
  std::string text(most + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    auto count = ::read(opened, text.data() + size, text.size() - size);
    if (count < 0)
      return {{}, 0, "cannot be read"};
    if (count == 0)
      break;
    size += static_cast<size_t>(count);
  }
  if (size > most)
    return {{}, 0, fmt::format("is too large: expected at most {} bytes", most)};
  text.resize(size);
  return {std::move(text), info.st_mode, {}};
}

/// All of a regular file, or of what a link leads to.
file_content content_of(const std::filesystem::path& file, size_t most) {
  auto opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); // A pipe that nobody writes to is not waited for.
  if (opened < 0)
    return {{}, 0, "cannot be read"};
  auto found = read_from(opened, most);
  ::close(opened);
  return found;
}

/// Reads one file; the first thing wrong ends it.
class reader {
public:
  reader(std::string file, const registry& known) : file_{std::move(file)}, known_{known} {}

  caf::expected<cluster> read(std::string_view text) {
    try {
      if (text.find_first_not_of(" \t\r\n") == text.npos)
        refuse({}, "is empty: expected cluster = \"NAME\" and [[node]] tables");
      auto document = toml::parse(text, file_);
      read_document(document);
      check();
      check_contradictions(document);
      return std::move(result_);
    } catch (const toml::parse_error& problem) {
      return error(problem.source(), std::string{problem.description()});
    } catch (const caf::error& problem) {
      return problem;
    }
  }

private:
  caf::error error(const toml::source_region& where, const std::string& what) const {
    auto line = where.begin.line ? ":" + std::to_string(where.begin.line) : std::string{};
    return caf::make_error(caf::sec::invalid_argument, file_ + line + ": " + what);
  }

  [[noreturn]] void refuse(const toml::source_region& where, const std::string& what) const { throw error(where, what); }

  static std::string type_of(const toml::node& x) {
    std::ostringstream text;
    text << x.type();
    return text.str();
  }

  std::string text(const toml::node& x, const std::string& key) const {
    if (auto* value = x.as_string())
      return value->get();
    refuse(x.source(), "key '" + key + "': expected a string, found a " + type_of(x));
  }

  bool flag(const toml::node& x, const std::string& key) const {
    if (auto* value = x.as_boolean())
      return value->get();
    refuse(x.source(), "key '" + key + "': expected true or false, found a " + type_of(x));
  }

  [[noreturn]] void unknown_key(const toml::source_region& where, const std::string& key, const std::string& in,
                                const std::vector<std::string>& known) const {
    std::string list;
    for (auto& each : known)
      list += (list.empty() ? "" : ", ") + each;
    refuse(where, "unknown key '" + key + "' in " + in + "; known are: " + (list.empty() ? "none" : list));
  }

  void read_document(const toml::table& document) {
    std::vector<std::string> tables{"cluster", "allow-plain-traffic", "secret-file", "state-machine", "node"};
    for (auto& [name, role] : known_.roles()) {
      tables.push_back("[" + name + "]");
      result_.role_options.emplace(name, option_values{role.options});
    }
    for (auto&& [key, value] : document) {
      std::string name{key.str()};
      if (name == "cluster")
        result_.name = text(value, name);
      else if (name == "allow-plain-traffic")
        result_.allow_plain_traffic = flag(value, name);
      else if (name == "secret-file")
        read_secret(value);
      else if (name == "state-machine")
        read_state_machine(value);
      else if (name == "node")
        read_nodes(value);
      else if (auto* role = known_.role(name))
        read_options(value, name, role->options, result_.role_options[name], {});
      else if (!known_.accepts_unknown() || !value.is_table())
        unknown_key(key.source(), name, "the cluster file", tables);
    }
    if (!document.contains("state-machine"))
      choose_machine({}, result_.state_machine);
    if (!document.contains("cluster"))
      refuse({}, "key 'cluster' is missing: expected the name of the cluster");
    if (!is_name(result_.name))
      refuse(document.get("cluster")->source(), "key 'cluster': expected a name of letters, digits, '-', '_' and '.', at most "
                                                  + std::to_string(longest_name) + ", found '" + result_.name + "'");
  }

  /// From a file beside the cluster file, or anywhere; so this one need not be kept secret.
  void read_secret(const toml::node& value) {
    auto path = std::filesystem::path{file_}.parent_path() / text(value, "secret-file");
    auto wrong = [&](const std::string& what) { refuse(value.source(), "key 'secret-file': " + path.string() + ": " + what); };
    auto found = content_of(path, largest_secret_file);
    if (!found.problem.empty())
      wrong(found.problem);
    if ((found.mode & S_IROTH) != 0)
      wrong("everybody on this host can read it: expected a file that others cannot read (chmod o=)");
    auto end = found.text.find_last_not_of(" \t\r\n");
    result_.secret = found.text.substr(0, end == std::string::npos ? 0 : end + 1);
    if (result_.secret.size() < shortest_secret || result_.secret.size() > longest_secret)
      wrong(fmt::format("expected {} to {} bytes, found {}: for example what \"openssl rand -base64 32\" says", shortest_secret,
                        longest_secret, result_.secret.size()));
  }

  const state_machine_definition* choose_machine(const toml::source_region& where, const std::string& name) {
    auto* found = known_.machine(name);
    if (!found && known_.accepts_unknown()) {
      result_.state_machine = name;
      return nullptr;
    }
    if (!found) {
      std::string list;
      for (auto& [each, definition] : known_.machines())
        list += (list.empty() ? "" : ", ") + each;
      refuse(where, "unknown state machine '" + name + "'; known are: " + list);
    }
    result_.state_machine = name;
    result_.machine_options = option_values{found->options};
    return found;
  }

  void read_state_machine(const toml::node& value) {
    auto* table = value.as_table();
    if (!table) {
      choose_machine(value.source(), text(value, "state-machine"));
      return;
    }
    auto* name = table->get("name");
    auto* machine = choose_machine(name ? name->source() : value.source(), name ? text(*name, "name") : result_.state_machine);
    if (machine)
      read_options(value, "state-machine", machine->options, result_.machine_options, {"name"});
  }

  void check_contradictions(const toml::table& document) const {
    for (auto& [name, role] : known_.roles()) {
      auto problem = role.contradiction ? role.contradiction(result_) : std::nullopt;
      if (!problem)
        continue;
      auto* table = document.get(name);
      refuse(table ? table->source() : toml::source_region{}, "[" + name + "]: " + *problem);
    }
  }

  void read_options(const toml::node& value, const std::string& table_name, const std::vector<option_spec>& specs,
                    option_values& into, const std::vector<std::string>& others) {
    auto* table = value.as_table();
    if (!table)
      refuse(value.source(), "key '" + table_name + "': expected a table of options, found a " + type_of(value));
    for (auto&& [key, node] : *table) {
      std::string name{key.str()};
      if (std::find(others.begin(), others.end(), name) != others.end())
        continue;
      auto spec = std::find_if(specs.begin(), specs.end(), [&](auto& x) { return x.name == name; });
      if (spec == specs.end()) {
        auto names = others;
        for (auto& each : specs)
          names.push_back(each.name);
        unknown_key(key.source(), name, "[" + table_name + "]", names);
      }
      read_option(node, table_name, *spec, into);
    }
  }

  void read_option(const toml::node& node, const std::string& table_name, const option_spec& spec, option_values& into) {
    std::string as_text;
    auto is_plain_number = spec.type == option_spec::kind::number || spec.type == option_spec::kind::bytes;
    if (node.is_integer() && is_plain_number)
      as_text = std::to_string(node.as_integer()->get());
    else if (node.is_boolean() && spec.type == option_spec::kind::flag)
      as_text = node.as_boolean()->get() ? "true" : "false";
    else if (node.is_string() && spec.type != option_spec::kind::number && spec.type != option_spec::kind::flag)
      as_text = node.as_string()->get();
    else
      refuse(node.source(),
             "key '" + spec.name + "' in [" + table_name + "]: a " + type_of(node) + " is of the wrong type; the default is "
               + (is_plain_number || spec.type == option_spec::kind::flag ? spec.initial : "\"" + spec.initial + "\""));
    std::variant<int64_t, std::string> value;
    if (auto problem = option_values::parse(spec, as_text, value))
      refuse(node.source(), "key '" + spec.name + "' in [" + table_name + "]: " + *problem);
    into.set(spec.name, std::move(value));
  }

  void read_nodes(const toml::node& value) {
    auto* list = value.as_array();
    if (!list || !list->is_array_of_tables())
      refuse(value.source(), "key 'node': expected [[node]] tables");
    if (list->size() > most_nodes)
      refuse(value.source(), "more than " + std::to_string(most_nodes) + " nodes");
    for (auto&& each : *list)
      read_node(*each.as_table());
  }

  void read_node(const toml::table& table) {
    node_description node;
    for (auto&& [key, value] : table) {
      std::string name{key.str()};
      if (name == "id") {
        auto* number = value.as_integer();
        if (!number || number->get() < 1 || number->get() > UINT32_MAX)
          refuse(value.source(), "key 'id': expected a whole number from 1 to " + std::to_string(UINT32_MAX));
        node.id = static_cast<node_id>(number->get());
      } else if (name == "name") {
        node.name = text(value, name);
        if (!is_name(node.name))
          refuse(value.source(), "key 'name': expected letters, digits, '-', '_' and '.', found '" + node.name + "'");
      } else if (name == "address") {
        auto where = parse_endpoint(text(value, name));
        if (!where || where->port == 0)
          refuse(value.source(), "key 'address': expected \"HOST:PORT\", found '" + text(value, name) + "'");
        if (is_any_address(where->host))
          refuse(value.source(), "key 'address': expected an address at which other nodes reach this one, found '"
                                   + text(value, name) + "', which is every address of a host");
        node.address = *where;
      } else if (name == "resp") {
        node.resp = read_resp(value);
      } else if (name == "roles") {
        read_roles(value, node);
      } else {
        unknown_key(key.source(), name, "[[node]]", {"name", "id", "address", "resp", "roles"});
      }
    }
    for (auto* needed : {"name", "address", "roles"})
      if (!table.contains(needed))
        refuse(table.source(), std::string{"a [[node]] without '"} + needed + "'");
    auto line_of = [this](const node_description& known) {
      return std::to_string(node_lines_[static_cast<size_t>(&known - result_.nodes.data())].begin.line);
    };
    if (auto* other = result_.find(node.name))
      refuse(table.source(), "node '" + node.name + "' is a duplicate: it is in line " + line_of(*other) + " already");
    if (node.id == 0)
      node.id = id_of_name(node.name);
    if (auto* other = result_.find(node.id))
      refuse(table.source(), "node '" + node.name + "' has the id of node '" + other->name + "' in line " + line_of(*other) + ", "
                               + std::to_string(node.id) + ": expected an id of its own, given as 'id' (otherwise it is made of"
                               + " the name)");
    if (node.has("gateway") && !node.resp)
      refuse(table.source(), "node '" + node.name + "' has a gateway and no 'resp': expected resp = \"HOST:PORT\"");
    read_places(table, node);
    node_lines_.push_back(table.source());
    result_.nodes.push_back(std::move(node));
  }

  /// An IP address, as clients' sockets need one.
  endpoint read_resp(const toml::node& value) const {
    auto where = parse_endpoint(text(value, "resp"), "127.0.0.1");
    if (where && where->host == "localhost")
      where->host = "127.0.0.1";
    if (!where || !is_ip_address(where->host))
      refuse(value.source(), "key 'resp': expected \"ADDRESS:PORT\" with an IP address or localhost, or \"PORT\", found '"
                               + text(value, "resp") + "'");
    return *where;
  }

  /// Where the node listens: nobody else may, and not everybody is to reach it.
  void read_places(const toml::table& table, const node_description& node) {
    read_place(*table.get("address"), "address", node.name, node.address, "traffic between nodes is not encrypted");
    if (node.resp)
      read_place(*table.get("resp"), "resp", node.name, *node.resp, "clients need no password and nothing is encrypted");
  }

  void read_place(const toml::node& value, const std::string& key, const std::string& node, const endpoint& where,
                  const std::string& why) {
    auto line = value.source().begin.line;
    auto [taken, fresh] = places_.try_emplace(to_string(endpoint{plain_host(where.host), where.port}), place{node, key, line});
    if (!fresh && where.port != 0) // 0: whatever is free.
      refuse(value.source(), fmt::format("key '{}': node '{}' has the {} of node '{}' in line {}, {}: expected one of its own",
                                         key, node, taken->second.key, taken->second.node, taken->second.line, taken->first));
    if (!is_loopback(where.host))
      open_places_.push_back({value.source(), fmt::format("key '{}': node '{}': others can reach {}, and {}: expected a loopback"
                                                          " address, or allow-plain-traffic = true in the file if this network is"
                                                          " yours alone",
                                                          key, node, to_string(where), why)});
  }

  void read_roles(const toml::node& value, node_description& node) {
    auto* list = value.as_array();
    if (!list || list->empty())
      refuse(value.source(), "key 'roles': expected a list of role names");
    for (auto&& each : *list) {
      auto role = text(each, "roles");
      if (!known_.role(role) && !known_.accepts_unknown()) {
        std::string names;
        for (auto& [name, definition] : known_.roles())
          names.append(names.empty() ? "" : ", ").append(name);
        refuse(each.source(), fmt::format("unknown role '{}'; known are: {}", role, names));
      }
      if (node.has(role))
        refuse(each.source(), "role '" + role + "' is named twice");
      node.roles.push_back(role);
    }
  }

  /// What no single line shows.
  void check() const {
    if (result_.nodes.empty())
      refuse({}, "no node: expected [[node]] tables");
    for (auto* role : {"acceptor", "leader", "replica"})
      if (result_.nodes_with(role).empty())
        refuse({}, std::string{"no node has the role '"} + role + "': "
                     + (role == std::string{"acceptor"} ? "there would be no majority of acceptors"
                                                        : "nothing would be decided or performed"));
    if (!open_places_.empty() && !result_.allow_plain_traffic)
      refuse(open_places_.front().first, open_places_.front().second);
  }

  struct place {
    std::string node;
    std::string key;
    toml::source_index line;
  };

  std::string file_;
  const registry& known_;
  cluster result_;
  std::vector<toml::source_region> node_lines_;
  std::map<std::string, place> places_;
  std::vector<std::pair<toml::source_region, std::string>> open_places_; // that need consent, and what is said of them
};

} // namespace

caf::expected<cluster> parse_cluster(std::string_view text, const std::string& name, const registry& known) {
  return reader{name, known}.read(text);
}

caf::expected<cluster> read_cluster(const std::filesystem::path& file, const registry& known) {
  auto found = content_of(file, largest_cluster_file);
  if (!found.problem.empty())
    return caf::make_error(caf::sec::cannot_open_file, file.string() + ": " + found.problem);
  return parse_cluster(found.text, file.string(), known);
}

cluster local_cluster(size_t count, uint16_t first_port, const registry& known) {
  cluster result;
  result.name = "dev";
  for (size_t i = 0; i < count; ++i)
    result.nodes.push_back({std::string(1, static_cast<char>('a' + i)),
                            static_cast<node_id>(i + 1),
                            {"127.0.0.1", 0},
                            endpoint{"127.0.0.1", static_cast<uint16_t>(first_port + i)},
                            {"replica", "leader", "acceptor", "gateway"}});
  for (auto& [name, role] : known.roles())
    result.role_options.emplace(name, option_values{role.options});
  result.machine_options = option_values{known.machine(result.state_machine)->options};
  return result;
}

} // namespace synod
