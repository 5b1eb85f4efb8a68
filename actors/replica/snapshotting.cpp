// Snapshots: taken here, fetched from another replica, given to one.
#include "synod/actors/replica/replica.hpp"

#include <spdlog/spdlog.h>

namespace synod {

namespace {

/// Longer than this nothing should wait for a snapshot.
constexpr std::chrono::milliseconds long_stop{20};

} // namespace

void replica::aside(disk_work x) {
  environment_->files().aside(x.lane, std::move(x.run), caf::actor_cast<caf::actor>(this), x.number);
}

/// Begins a snapshot when it is time for one, and goes on with the one under way.
void replica::take_snapshot() {
  auto now = clock().now();
  snapshots_.let_go(now);
  if (snapshots_.due(slot_out(), now))
    snapshots_.begin(std::make_unique<state_snapshot>(execution_->state(), options_.snapshots.whose,
                                                      std::max<uint64_t>(1, environment_->random())));
  if (snapshots_.exceeds()) {
    environment_->log().warn("replica: a snapshot is given up: the disk takes it more slowly than the state changes");
    snapshots_.give_up(now);
  }
  while (auto work = snapshots_.next_work())
    aside(std::move(*work));
  note_stop(clock().now() - now);
}

/// So long commands had to wait.
void replica::note_stop(time_point::duration so_long) {
  longest_stop_ = std::max(longest_stop_, std::chrono::duration_cast<std::chrono::microseconds>(so_long));
  if (so_long > long_stop)
    environment_->log().warn("replica: the state machine stopped for {} ms to tell a snapshot",
                             std::chrono::duration_cast<std::chrono::milliseconds>(so_long).count());
}

void replica::on_done_aside(const done_aside& x) {
  if (x.number >= snapshot_copy::first_free_number) {
    if (auto answer = serving_.done(x.number, x.failure))
      send(caf::actor_cast<replica_actor>(answer->to), answer->chunk);
    return;
  }
  if (x.number >= snapshot_copy::write_number)
    return on_copied(x);
  if (auto problem = snapshots_.done(x.number, x.failure, clock().now()); !problem.empty())
    environment_->log().error("replica: {}", problem);
  tell_durable();
  take_snapshot();
}

/// What was decided behind the snapshot that is fetched; behind that which was fetched, until this replica is level. 0: nothing
/// in particular.
slot_number replica::needs_from() {
  catching_up_ &= slot_out() < target();
  return copy_.slot_out() != 0 ? copy_.slot_out() : catching_up_ ? slot_out() : 0;
}

/// Acceptors collect what enough replicas hold durably (section 4.2), but for what this one is about to need.
void replica::tell_durable() {
  auto now = clock().now();
  auto below = snapshots_.durable_below();
  auto keep_from = needs_from();
  if (told_durable_ == std::pair{below, copy_.slot_out()} && !tell_durable_.due(now))
    return;
  tell_durable_.tried(now);
  told_durable_ = {below, copy_.slot_out()};
  builder<schema::Durable> durable;
  durable->setNode(options_.node);
  if (!execution_->members().empty())
    write(execution_->members(), durable->initConfigurations());
  if (auto* latest = snapshots_.latest())
    durable->setLatest(latest->slot_out);
  durable->setBelow(below);
  durable->setKeepFrom(keep_from);
  auto told = durable.finish();
  for (auto& to : acceptors_)
    send(to.handle, told);
  if (node_)
    send(node_, told);
}

// -- given to another one -----------------------------------------------------

void replica::on_ask_snapshot(const message<schema::AskSnapshot>& asked) {
  auto& from = current_sender();
  if (!from)
    return;
  auto* latest = snapshots_.latest();
  if (slot_out() > asked->getAbove() && (!latest || latest->slot_out <= asked->getAbove()))
    snapshots_.want(asked->getAbove() + 1); // It knows of nothing else to go on from.
  if (auto work = serving_.on_ask(from, *asked, snapshots_, clock().now()))
    aside(std::move(*work));
  else if (!serving_.waits(from))
    send(caf::actor_cast<replica_actor>(from), serving_.nothing());
}

// -- fetched ------------------------------------------------------------------

/// Asks for the next piece of a snapshot, if what is missing here was collected.
void replica::fetch_snapshot() {
  if (catch_up_.needs_snapshot(slot_out()))
    copy_.want(slot_out());
  else if (copy_.wanted())
    copy_.give_up();
  if (auto work = copy_.discard())
    aside(std::move(*work));
  warn_of_no_snapshot();
  auto leading = active_ ? std::optional{active_->leader} : std::nullopt;
  auto question = copy_.to_ask(replicas_.nodes(), leading, clock().now());
  if (!question)
    return;
  builder<schema::AskSnapshot> ask;
  ask->setAbove(question->above);
  ask->setToken(question->token);
  ask->setOffset(question->offset);
  send(replicas_.handle_of(question->replica), ask.finish());
}

/// Without one there is no going on here.
void replica::warn_of_no_snapshot() {
  auto now = clock().now();
  if (!copy_.wanted() || copy_.under_way()) {
    no_snapshot_.reset();
    no_snapshot_.tried(now);
  } else if (no_snapshot_.due(now)) {
    environment_->log().error("replica: what it lacks, from slot {} on, {}, and no other replica gives a snapshot", slot_out(),
                              catch_up_.is_stranded() ? "too few acceptors are reached to tell" : "was collected");
    no_snapshot_.tried(now);
  }
}

void replica::on_snapshot_chunk(const message<schema::SnapshotChunk>& chunk) {
  auto fresh = !copy_.under_way();
  if (auto work = copy_.on_chunk(*chunk))
    aside(std::move(*work));
  if (fresh && copy_.under_way()) {
    environment_->log().info("replica: fetches a snapshot of {} bytes from node {}, up to slot {}", copy_.bytes(),
                             chunk->getNode(), copy_.slot_out());
    tell_durable();
  }
}

void replica::on_copied(const done_aside& x) {
  using outcome = snapshot_copy::outcome;
  switch (copy_.done(x.number, x.failure, clock().now())) {
    case outcome::goes_on:
      return fetch_snapshot();
    case outcome::complete:
      return aside(copy_.restore(options_.fresh_state()));
    case outcome::restored:
      return install(copy_.take());
    case outcome::failed:
      environment_->log().warn("replica: a snapshot that was fetched cannot be used: {}", copy_.problem());
  }
}

/// Goes on from a state that was fetched.
void replica::install(snapshot_copy::restored x) {
  auto now = clock().now();
  snapshots_.add(x.what);
  if (x.state.slot_out <= slot_out())
    return dispose(std::move(x.state));
  environment_->log().info("replica: goes on from a snapshot of slot {}, {} slots ahead", x.state.slot_out,
                           x.state.slot_out - slot_out());
  snapshots_.give_up(now); // It is of the state that goes.
  catching_up_ = true;
  dispose(execution_->install(std::move(x.state)));
  decisions_.skip_to(slot_out());
  proposer_.jump_to(slot_out());
  log_clock_.saw(execution_->state().log_time, now);
  look_at_configuration();
  answer_installed();
  perform_decided();
  resend(outstanding::what::all);
  serve_reads();
  schedule_expiry();
  tell_durable();
  ask(catch_up_.on_progress(slot_out(), target(), reached_, now));
}

/// A large state takes its time to go.
void replica::dispose(replicated_state x) {
  auto moved = std::make_shared<std::optional<replicated_state>>(std::move(x));
  environment_->files().aside(
    disk::lane::bulk,
    [moved]() -> caf::error {
      moved->reset();
      return caf::none;
    },
    {}, 0);
}

/// What clients wait for here may have been performed meanwhile: they are answered as if they had asked again.
void replica::answer_installed() {
  for (auto& [asked, client] : outstanding_.take_performed(*execution_)) {
    if (answer_again(asked, client))
      continue;
    builder<schema::Responses> ended;
    ended->setSession(asked->getCommands().getSession());
    ended->setSessionEnded(true);
    send_marked(client, ended);
  }
}

} // namespace synod
