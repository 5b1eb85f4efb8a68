// What is known of a slot, in words.
#pragma once

#include "synod/messages/message.hpp"
#include "synod/messages/paxos.capnp.h"
#include "synod/messages/status.hpp"

#include <string>
#include <vector>

namespace synod {

/// The names of a batch's commands with how often they are there, in the order in which they come first: "SET 3, GET, open a
/// session 2". Bounds: `most_names` names, of `longest_name` bytes each; of further ones only how many commands they have.
std::string commands_of(schema::Batch::Reader batch);
inline constexpr size_t most_names = 16;
inline constexpr size_t longest_name = 24;

/// Adds one thing that is known of a slot.
void add(std::vector<status_entry>& to, const char* name, int64_t value);
void add(std::vector<status_entry>& to, const char* name, std::string value);

/// Adds who proposed a pvalue, and what it holds: "proposer", "requests", "bytes", "commands".
void add_value(std::vector<status_entry>& to, const message<schema::Pvalue>& pvalue);

} // namespace synod
