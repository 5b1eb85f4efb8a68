#include "linearizability.hpp"

#include <spdlog/fmt/fmt.h>
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

namespace synod::simulation {

namespace {

using hash = std::pair<uint64_t, uint64_t>;

struct hash_of_hash {
  size_t operator()(const hash& x) const { return x.first; }
};

hash hash_of(const void* bytes, size_t size, uint64_t seed) {
  auto sum = XXH3_128bits_withSeed(bytes, size, seed);
  return {sum.low64, sum.high64};
}

/// Its reply says that it changed nothing, wherever in the order it is.
bool changes_nothing(const operation& x) {
  if (!x.reply)
    return false;
  if (is_read(x) || *x.reply == "none")
    return true;
  return x.what == operation::kind::command
         && (x.reply->starts_with("ERR") || (x.commands.front().front() == "DEL" && *x.reply == "0"));
}

class search {
public:
  search(const history& all, bool as_decided, size_t most_steps)
    : all_{all}, as_decided_{as_decided}, most_steps_{most_steps}, behind_(all.size(), none), done_(all.size(), false) {
    for (size_t i = 0; i < all.size(); ++i)
      if (all[i].place != 0)
        decided_.push_back(i);
    std::sort(decided_.begin(), decided_.end(), [&](auto a, auto b) { return all[a].place < all[b].place; });
    note_streams();
    left_ = static_cast<size_t>(std::count_if(all.begin(), all.end(), [](auto& x) { return x.returned != operation::never; }));
  }

  verdict run() {
    std::vector<frame> stack;
    stack.push_back(begin_frame(model{}));
    while (left_ > 0) {
      if (steps_ > most_steps_)
        return {verdict::kind::undecided, explain(), steps_};
      auto* next = next_choice(stack.back());
      if (next) {
        take(next->index);
        auto state = next->state;
        stack.push_back(begin_frame(std::move(state)));
        continue;
      }
      if (stack.size() > deepest_.size())
        remember(stack);
      std::for_each(stack.back().taken.begin(), stack.back().taken.end(), [this](size_t index) { put_back(index); });
      stack.pop_back();
      if (stack.empty())
        return {verdict::kind::broken, explain(), steps_};
      put_back(stack.back().choices[stack.back().next - 1].index);
    }
    return {verdict::kind::linearizable, {}, steps_};
  }

private:
  struct choice {
    size_t index;
    model state;
    std::string text; // of the state
  };

  /// A point of the order: what may come next.
  struct frame {
    model state;
    size_t first;              // everything before is done
    std::vector<size_t> taken; // operations that fit here and change nothing: there is no better place for them
    std::vector<choice> choices;
    size_t next = 0;
  };

  /// What was asked for through one connection takes effect in the order of asking, even where nobody waited for the reply
  /// before. Of what was not answered nobody knows when it does.
  void note_streams() {
    std::map<std::pair<uint32_t, uint64_t>, size_t> last;
    for (size_t i = 0; i < all_.size(); ++i) {
      if (all_[i].stream == 0 || all_[i].returned == operation::never)
        continue;
      auto [before, first] = last.try_emplace({all_[i].client, all_[i].stream}, i);
      if (!first)
        behind_[i] = std::exchange(before->second, i);
    }
  }

  frame begin_frame(model state) {
    while (first_ < all_.size() && done_[first_])
      ++first_;
    frame x{std::move(state), first_, {}, {}};
    while (gather(x))
      x.choices.clear();
    return x;
  }

  /// Whatever was called before the first return of what is not done yet may be next. True: one was taken at once, and
  /// what was found is to be found again.
  bool gather(frame& x) {
    auto here = x.state.text();
    auto first_return = operation::never;
    for (size_t i = x.first; i < all_.size() && all_[i].called <= first_return; ++i)
      if (!done_[i])
        first_return = std::min(first_return, all_[i].returned);
    for (size_t i = x.first; i < all_.size() && all_[i].called <= first_return; ++i) {
      if (done_[i] || !is_in_turn(i))
        continue;
      ++steps_;
      for (auto& state : x.state.after(all_[i], i)) {
        auto text = state.text();
        if (changes_nothing(all_[i]) && text == here) {
          take(i);
          x.taken.push_back(i);
          return true;
        }
        x.choices.push_back({i, std::move(state), std::move(text)});
      }
    }
    std::stable_sort(x.choices.begin(), x.choices.end(),
                     [this](auto& a, auto& b) { return all_[a.index].place < all_[b.index].place; });
    return false;
  }

  choice* next_choice(frame& x) {
    while (x.next < x.choices.size()) {
      auto& candidate = x.choices[x.next++];
      auto sum = hash_of(candidate.text.data(), candidate.text.size(), 1);
      auto set = with(candidate.index);
      auto log_time = candidate.state.log_time();
      auto [known, fresh] = seen_.try_emplace({sum.first ^ set.first, sum.second ^ set.second}, log_time);
      if (fresh || std::exchange(known->second, std::min(known->second, log_time)) > log_time)
        return &candidate;
    }
    return nullptr;
  }

  bool is_in_turn(size_t index) const {
    if (behind_[index] != none && !done_[behind_[index]])
      return false;
    return !as_decided_ || all_[index].place == 0 || decided_[decided_done_] == index;
  }

  hash with(size_t index) const {
    auto sum = hash_of(&index, sizeof index, 2);
    return {done_sum_.first ^ sum.first, done_sum_.second ^ sum.second};
  }

  void take(size_t index) {
    done_[index] = true;
    done_sum_ = with(index);
    left_ -= all_[index].returned != operation::never;
    decided_done_ += all_[index].place != 0;
  }

  void put_back(size_t index) {
    done_[index] = false;
    done_sum_ = with(index);
    left_ += all_[index].returned != operation::never;
    decided_done_ -= all_[index].place != 0;
    first_ = std::min(first_, index);
  }

  void remember(const std::vector<frame>& stack) {
    deepest_.clear();
    for (size_t i = 0; i + 1 < stack.size(); ++i)
      deepest_.push_back(stack[i].choices[stack[i].next - 1].index);
    deepest_.push_back(all_.size()); // As long as the stack.
    not_done_at_deepest_ = done_;
  }

  std::string explain() const {
    std::string text = "an order was found up to\n";
    auto end = deepest_.empty() ? 0 : deepest_.size() - 1;
    for (auto i = end > 6 ? end - 6 : 0; i < end; ++i)
      text += "    " + describe(all_[deepest_[i]]) + "\n";
    text += "  and none of these fits behind it:\n";
    auto first_return = operation::never;
    for (size_t i = 0; i < all_.size(); ++i)
      if (not_done_at_deepest_.empty() || !not_done_at_deepest_[i])
        first_return = std::min(first_return, all_[i].returned);
    for (size_t i = 0; i < all_.size(); ++i)
      if ((not_done_at_deepest_.empty() || !not_done_at_deepest_[i]) && all_[i].called <= first_return)
        text += "    " + describe(all_[i]) + "\n";
    return text;
  }

  static constexpr size_t none = SIZE_MAX;

  const history& all_;
  bool as_decided_;
  std::vector<size_t> decided_; // in their order
  size_t decided_done_ = 0;
  size_t most_steps_;
  std::vector<size_t> behind_; // the one before it in its stream
  std::vector<bool> done_;
  size_t left_ = 0; // with a return, not done
  size_t first_ = 0;
  hash done_sum_{0, 0};
  std::unordered_map<hash, int64_t, hash_of_hash> seen_; // states with what is done, and their earliest log time
  std::vector<size_t> deepest_;
  std::vector<bool> not_done_at_deepest_;
  size_t steps_ = 0;
};

} // namespace

verdict check_linearizable(const history& all, size_t most_steps) {
  auto as_decided = search{all, true, most_steps}.run();
  if (as_decided.what == verdict::kind::linearizable)
    return as_decided;
  auto any = search{all, false, most_steps}.run();
  // The order in which they were decided was the one to be expected.
  return any.what == verdict::kind::undecided && as_decided.what == verdict::kind::broken ? as_decided : any;
}

} // namespace synod::simulation
