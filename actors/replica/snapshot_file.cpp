#include "synod/actors/replica/snapshot_file.hpp"

#include "synod/actors/role/record_window.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace synod {

namespace fs = std::filesystem;

namespace {

constexpr const char* suffix = ".snapshot";
constexpr size_t digits = 20;
/// Of the state machine's pieces, in one record: so that a record has a limit, whatever a piece has.
constexpr size_t most_piece_bytes = 1u << 20;
constexpr unsigned most_sessions = 1024; // in one record, and
constexpr size_t full_sessions_bytes = 256u << 10;

caf::error damaged(const fs::path& path, size_t offset, const std::string& what) {
  return caf::make_error(caf::sec::invalid_argument,
                         path.string() + ": offset " + std::to_string(offset) + ": " + what + ": the snapshot is damaged");
}

/// The records of a snapshot, in order.
class snapshot_reader {
public:
  snapshot_reader(const fs::path& path, const disk::file& file, const progress& told = {})
    : path_{path}, bytes_{file, 0}, progress_{told} {}

  /// The next one; none: it is not whole. Its content is valid until the next call.
  caf::expected<std::optional<found_record>> next() {
    auto found = bytes_.record(end_);
    if (!found || !*found)
      return found;
    auto& x = **found;
    auto* schema = schema_of(x.kind);
    if (x.sequence != sequence_ + 1 || !schema || !is_sound(x.content, *schema))
      return std::optional<found_record>{};
    ++sequence_;
    end_ += x.bytes();
    if (progress_)
      progress_(end_, bytes_.file_bytes());
    return found;
  }

  /// The head: whose snapshot it is.
  caf::expected<snapshot_info> begin(const snapshot_origin& whose, replicated_state* into) {
    auto found = next();
    if (!found)
      return found.error();
    if (!*found || (*found)->kind != record_kind::snapshot_head)
      return wrong("there is no head of a snapshot");
    borrowed<schema::SnapshotHead> head{(*found)->content};
    if (head->getFormatVersion() != snapshot_format_version)
      return caf::make_error(caf::sec::invalid_argument, path_.string() + ": has format version "
                                                           + std::to_string(head->getFormatVersion()) + ", this program knows "
                                                           + std::to_string(snapshot_format_version));
    auto is_machine = whose.machine.empty() || head->getStateMachine() == whose.machine.c_str();
    auto is_cluster = whose.cluster.empty() || head->getCluster() == whose.cluster.c_str();
    if (!is_cluster || !is_machine)
      return caf::make_error(caf::sec::invalid_argument, path_.string() + ": is of cluster '" + head->getCluster().cStr()
                                                           + "' with state machine '" + head->getStateMachine().cStr()
                                                           + "', not of '" + whose.cluster + "' with '" + whose.machine + "'");
    bytes_.set_token(head->getToken());
    head_ = *message<schema::SnapshotHead>::from((*found)->content); // It is sound.
    if (into) {
      into->slot_out = head->getSlotOut();
      into->log_time = head->getLogTime();
      if (head->hasConfigurations())
        into->members = configurations_of(head->getConfigurations());
      if (into->members.empty())
        return wrong("it has no configuration");
      into->sessions.restore_clock(head->getSessionsExpiredAt());
    }
    return snapshot_info{head->getSlotOut(), head->getToken(), bytes_.file_bytes()};
  }

  /// Behind `begin`.
  const schema::SnapshotHead::Reader& head() const { return *head_; }

  caf::error wrong(const std::string& what) const { return damaged(path_, end_, what); }
  bool at_end() const { return end_ == bytes_.file_bytes(); }

private:
  fs::path path_;
  record_window bytes_;
  progress progress_;
  message<schema::SnapshotHead> head_;
  record_number sequence_ = 0;
  size_t end_ = 0; // of the records so far
};

bool restore_sessions(schema::SnapshotSessions::Reader told, session_table& into) {
  for (auto each : told.getSessions()) {
    session_table::session x;
    x.number = each.getNumber();
    x.next_cid = each.getNextCid();
    x.used = each.getUsed();
    x.keep_results = each.getKeepResults();
    for (auto result : each.getResults()) {
      builder<schema::Reply> copy{result.getReply().totalSize().wordCount * sizeof(capnp::word) + 64};
      reply{*copy}.copy(result.getReply());
      x.results.emplace_back(result.getCid(), copy.finish());
    }
    if (!into.restore(each.getId(), std::move(x)))
      return false;
  }
  return true;
}

/// Walks through a snapshot, and hands what it says to a state, if there is one.
class walk {
public:
  walk(snapshot_reader& records, replicated_state* into) : records_{records}, into_{into} {}

  /// Everything behind the head.
  caf::error run() {
    std::optional<std::string> problem;
    if (into_)
      problem = into_->machine->restore([this] { return next_piece(); });
    else
      while (!next_piece().empty()) {
      }
    if (problem && !failure_) // Not by what it was not given.
      failure_ = records_.wrong(*problem);
    else if (!failure_ && !ended_ && !next_piece().empty()) // The end it need not have asked for.
      failure_ = records_.wrong("the state machine left a part of it unread");
    return failure_;
  }

private:
  /// The state machine's next piece; none: there is no more, or something is wrong.
  std::string next_piece() {
    std::string piece;
    for (auto continues = false; !failure_ && !ended_;) {
      auto found = records_.next();
      if (!found)
        failure_ = found.error();
      else if (!*found)
        failure_ = records_.wrong("a record is missing or not whole");
      else if ((*found)->kind == record_kind::snapshot_piece) {
        borrowed<schema::SnapshotPiece> part{(*found)->content};
        piece += view(part->getBytes());
        continues = part->getContinues();
        if (!continues)
          return piece;
      } else if (continues || !take(**found)) {
        failure_ = records_.wrong("a record is out of place");
      }
    }
    return {};
  }

  bool take(const found_record& found) {
    if (found.kind == record_kind::snapshot_sessions) {
      borrowed<schema::SnapshotSessions> told{found.content};
      sessions_ += told->getSessions().size();
      return !into_ || restore_sessions(*told, into_->sessions);
    }
    if (found.kind != record_kind::snapshot_end)
      return false;
    borrowed<schema::SnapshotEnd> told{found.content};
    ended_ = true;
    return records_.at_end() && told->getSessions() == sessions_;
  }

  snapshot_reader& records_;
  replicated_state* into_;
  uint64_t sessions_ = 0;
  bool ended_ = false;
  caf::error failure_;
};

caf::expected<snapshot_info> read(disk& files, const fs::path& path, const snapshot_origin& whose, replicated_state* into,
                                  const progress& told) {
  auto file = files.open(path);
  if (!file)
    return file.error();
  snapshot_reader records{path, **file, told};
  auto found = records.begin(whose, into);
  if (!found)
    return found;
  if (auto failure = walk{records, into}.run())
    return failure;
  return found;
}

} // namespace

fs::path snapshot_path(const fs::path& directory, slot_number slot_out) {
  return directory / numbered_name(slot_out, digits, suffix);
}

std::optional<slot_number> snapshot_slot(const std::string& name) {
  return number_of_name(name, suffix);
}

caf::expected<snapshot_info> look_at_snapshot(disk& files, const fs::path& path, const snapshot_origin& whose) {
  auto file = files.open(path);
  if (!file)
    return file.error();
  return snapshot_reader{path, **file}.begin(whose, nullptr);
}

caf::expected<snapshot_description> describe_snapshot(disk& files, const fs::path& path) {
  auto file = files.open(path);
  if (!file)
    return file.error();
  snapshot_reader records{path, **file};
  auto found = records.begin({}, nullptr);
  if (!found)
    return found.error();
  auto& head = records.head();
  return snapshot_description{*found, {head.getCluster().cStr(), head.getStateMachine().cStr()}, head.getLogTime()};
}

caf::expected<snapshot_info> check_snapshot(disk& files, const fs::path& path, const snapshot_origin& whose,
                                            const progress& told) {
  return read(files, path, whose, nullptr, told);
}

caf::expected<snapshot_info> restore_snapshot(disk& files, const fs::path& path, const snapshot_origin& whose,
                                              replicated_state& into, const progress& told) {
  return read(files, path, whose, &into, told);
}

// -- writing ------------------------------------------------------------------

namespace {

struct head_content {
  const snapshot_origin& whose;
  log_token token;
  slot_number slot_out;
  int64_t log_time;
  int64_t sessions_expired_at;
  const configurations& members;
};

void write_head(schema::SnapshotHead::Builder head, const head_content& x) {
  head.setFormatVersion(snapshot_format_version);
  head.setCluster(x.whose.cluster);
  head.setStateMachine(x.whose.machine);
  head.setToken(x.token);
  head.setSlotOut(x.slot_out);
  head.setLogTime(x.log_time);
  head.setSessionsExpiredAt(x.sessions_expired_at);
  write(x.members, head.initConfigurations());
}

} // namespace

// -- copying ------------------------------------------------------------------

namespace {

caf::error append(unfinished_file& to, snapshot_info& what, record_number sequence, record_kind kind, const block_ptr& content) {
  auto header = header_of(sequence, 0, kind, content, what.token);
  what.bytes += record_bytes(content);
  std::array<std::span<const std::byte>, 2> parts{std::as_bytes(std::span{&header, 1}), std::as_bytes(content->words())};
  return to.append(parts);
}

/// Everything behind the head; each record with the checksum that the token asks for.
caf::error copy_rest(snapshot_reader& records, unfinished_file& to, snapshot_info& what) {
  for (record_number sequence = 2; !records.at_end(); ++sequence) {
    auto found = records.next();
    if (!found)
      return found.error();
    if (!*found)
      return records.wrong("a record is missing or not whole");
    auto& x = **found;
    if (auto failure = append(to, what, sequence, x.kind, check(x.content, *schema_of(x.kind))))
      return failure;
  }
  return caf::none;
}

} // namespace

caf::expected<snapshot_info> copy_snapshot(disk& files, const fs::path& from, const fs::path& directory,
                                           const snapshot_origin& whose, const configurations& members, log_token token,
                                           const progress& told) {
  auto file = files.open(from);
  if (!file)
    return file.error();
  snapshot_reader records{from, **file, told};
  auto begun = records.begin({{}, whose.machine}, nullptr);
  if (!begun)
    return begun;
  snapshot_info what{begun->slot_out, token, 0};
  unfinished_file to{files, snapshot_path(directory, what.slot_out)};
  builder<schema::SnapshotHead> head;
  write_head(*head, {whose, token, what.slot_out, records.head().getLogTime(), records.head().getSessionsExpiredAt(), members});
  auto failure = append(to, what, 1, record_kind::snapshot_head, head.finish().content());
  if (!failure)
    failure = copy_rest(records, to, what);
  if (!failure)
    failure = to.finish();
  if (!failure)
    return what;
  to.discard();
  return failure;
}

// -- telling ------------------------------------------------------------------

state_snapshot::state_snapshot(replicated_state& of, const snapshot_origin& whose, log_token token)
  : slot_out_{of.slot_out},
    token_{token},
    machine_{of.machine->begin_snapshot()},
    sessions_{std::make_unique<session_table::moment>(of.sessions)} {
  write_head(*head_, {whose, token_, slot_out_, of.log_time, of.sessions.expired_at(), of.members});
}

template <class S>
snapshot_record state_snapshot::record(record_kind kind, builder<S>& content) {
  auto block = content.finish().content();
  return {header_of(++sequence_, 0, kind, block, token_), block};
}

std::vector<snapshot_record> state_snapshot::next() {
  switch (next_) {
    case part::head:
      next_ = part::sessions;
      return {record(record_kind::snapshot_head, head_)};
    case part::sessions:
      if (auto told = next_sessions(); !told.empty())
        return told;
      next_ = part::pieces;
      [[fallthrough]];
    case part::pieces:
      if (auto told = next_pieces(); !told.empty())
        return told;
      next_ = part::end;
      [[fallthrough]];
    case part::end:
      next_ = part::nothing;
      return end();
    case part::nothing:
      break;
  }
  return {};
}

std::vector<snapshot_record> state_snapshot::next_sessions() {
  std::vector<std::pair<uint64_t, session_table::session>> some;
  size_t bytes = 0;
  while (some.size() < most_sessions && bytes < full_sessions_bytes) {
    auto next = sessions_->next();
    if (!next)
      break;
    bytes += next->second.results_bytes;
    some.push_back(std::move(*next));
  }
  if (some.empty())
    return {};
  builder<schema::SnapshotSessions> told{some.size() * 64 + 2 * bytes};
  auto list = told->initSessions(static_cast<unsigned>(some.size()));
  for (unsigned i = 0; i < list.size(); ++i) {
    auto& [id, x] = some[i];
    list[i].setId(id);
    list[i].setNumber(x.number);
    list[i].setNextCid(x.next_cid);
    list[i].setUsed(x.used);
    list[i].setKeepResults(x.keep_results);
    auto results = list[i].initResults(static_cast<unsigned>(x.results.size()));
    for (unsigned j = 0; j < results.size(); ++j) {
      results[j].setCid(x.results[j].first);
      reply{results[j].initReply()}.copy(*x.results[j].second);
    }
  }
  sessions_told_ += some.size();
  return {record(record_kind::snapshot_sessions, told)};
}

std::vector<snapshot_record> state_snapshot::next_pieces() {
  auto piece = machine_->next();
  std::vector<snapshot_record> told;
  while (!piece.empty()) {
    auto part = piece.substr(0, most_piece_bytes);
    piece.remove_prefix(part.size());
    builder<schema::SnapshotPiece> next{part.size() + 64};
    next->setBytes(as_data(part));
    next->setContinues(!piece.empty());
    told.push_back(record(record_kind::snapshot_piece, next));
  }
  return told;
}

std::vector<snapshot_record> state_snapshot::end() {
  builder<schema::SnapshotEnd> told;
  told->setSessions(sessions_told_);
  return {record(record_kind::snapshot_end, told)};
}

} // namespace synod
