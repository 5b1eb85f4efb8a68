// Which data directory each other node has.
#pragma once

#include "synod/actors/role/cluster.hpp"
#include "synod/actors/role/disk.hpp"
#include "synod/messages/log.capnp.h"
#include "synod/messages/message.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace synod {

/// Remembers, durably, the token of the data directory that each other node had when this one met it first, or when one did that
/// told this one. A node that comes with another one later has lost what it had promised and accepted, so it must not be heard:
/// with its old votes forgotten, a majority might decide a slot a second time.
///
/// (Where all who had met a node are away, it is new to the others, as all are to each other when a cluster begins. An older copy
/// of a directory is not told from the directory.)
///
/// Only of nodes with an acceptor or a leader: those promise and accept, and count their starts.
///
/// File `nodes` of the data directory: schema::KnownNodes, a durable message, written in place. One entry for each node of the
/// cluster file.
class known_nodes {
public:
  static constexpr const char* file_name = "nodes";

  using tokens = std::map<std::string, uint64_t>; ///< by the node's name, which its greeting bears

  /// Reads them, from a file that is made if it is not there. Blocks.
  caf::error open(disk& files, const std::filesystem::path& directory);

  /// A node that others know, or that shows itself, with another directory than this one knows it with.
  struct difference {
    std::string node;
    uint64_t known;
    uint64_t told;
  };
  std::optional<difference> differs(const tokens& told) const;
  /// All of them are remembered. If not, `remember` them before their nodes are told or asked anything.
  bool has(const tokens& told) const;

  /// Gives what is to be written, which needs this object no more. Works are to be done in the order in which they were given.
  std::function<caf::error()> remember(disk& files, const tokens& told);
  /// That was written.
  void remembered(const tokens& told);
  /// All of that, for those who may wait. Blocks.
  caf::error remember_now(disk& files, const tokens& told);

  tokens all() const;
  void write(schema::KnownNodes::Builder to) const;

private:
  struct meeting {
    uint64_t token = 0;
    bool durably = false;
  };

  block_ptr content() const;

  std::filesystem::path path_;
  std::map<std::string, meeting> met_;
};

/// It has something to forget.
bool is_remembered(const node_description& x);

known_nodes::tokens tokens_of(schema::KnownNodes::Reader x);

/// What is told of a node with another data directory, and what to do.
std::string another_directory(const known_nodes::difference& x);

} // namespace synod
