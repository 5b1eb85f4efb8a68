#!/usr/bin/python3
"""The soak's checker beside a search through all orders: both say the same of small random histories, right ones and wrong ones."""

import random

from checker import UNKNOWN, Operation, check_client_order, check_counter, check_list, check_register, check_sequence

HISTORIES = 6000


def explained(operations, state, step):
    """Is there any order? `step(state, operation)` gives the next state; None: the reply does not fit."""
    seen = set()

    def search(left, state):
        if all(each.end == UNKNOWN for each in left):
            return True
        if (left, state) in seen:
            return False
        seen.add((left, state))
        first_end = min(each.end for each in left)
        for each in left:
            if each.call <= first_end:
                after = step(state, each)
                if after is not None and search(left - {each}, after):
                    return True
        return False

    return search(frozenset(operations), state)


def register_step(state, each):
    if each.wrote is not None:
        return (each.wrote,)
    return state if state[0] == each.saw else None


def counter_step(state, each):
    if each.wrote is not None:
        return state + 1 if each.saw in (None, state + 1) else None
    return state if state == each.saw else None


def list_step(state, each):
    if each.wrote is not None:
        after = state + (each.wrote,)
        return after if each.saw in (None, len(after)) else None
    return state if state == each.saw else None


def random_history(chance, play, lost):
    """Operations at random times; what they saw is what they would have seen at a moment between, but for some that are altered;
    a share `lost` was performed with a result that nobody knows."""
    operations, moments = [], []
    for i in range(chance.randint(3, 8)):
        call = chance.random()
        end = call + chance.uniform(0.05, 0.4)
        moments.append((chance.uniform(call, end), i))
        operations.append(Operation("c%d" % i, call, end, "v%d" % i if chance.random() < 0.6 else None))
    play(chance, [operations[i] for _, i in sorted(moments)])
    for each in operations:
        if each.wrote is not None and chance.random() < 0.2:
            each.end, each.saw = UNKNOWN, None  # Reads of unknown outcome are left out of a history.
        elif each.wrote is not None and chance.random() < lost:
            each.saw = None
    return operations


def play_register(chance, operations):
    written = [None]
    future = [each.wrote for each in operations if each.wrote is not None] + ["nobody's"]
    for each in operations:
        if each.wrote is not None:
            if chance.random() < 0.9:
                written.append(each.wrote)
        else:
            each.saw = chance.choice(written[-3:] if chance.random() < 0.95 else future)


def play_counter(chance, operations):
    count = 0
    for each in operations:
        count += each.wrote is not None
        each.saw = max(count + chance.choice([0, 0, 0, 0, 0, 1, -1]), 1 if each.wrote is not None else 0)


def play_list(chance, operations):
    items = ()
    for each in operations:
        if each.wrote is not None:
            items += chance.choice([(each.wrote,)] * 9 + [(each.wrote, each.wrote), ("nobody's",)])
            each.saw = max(1, len(items) + chance.choice([0] * 9 + [-1]))
        else:
            each.saw = items if chance.random() < 0.9 else tuple(chance.sample(items, len(items)))[:chance.randint(0, 3)]


def compare(name, play, check, state, step, lost=0.0):
    chance = random.Random(name)
    right = overlooked = 0
    for _ in range(HISTORIES):
        operations = random_history(chance, play, lost)
        said, found = check(operations), explained(operations, state, step)
        overlooked += said is None and not found
        assert said is None or not found, "%s: the checker says %s, a search finds an order, of %s" % (name, said, operations)
        assert lost or said is not None or found, "%s: the checker says nothing, a search finds no order, of %s" % (name, operations)
        right += found
    assert HISTORIES / 5 < right < HISTORIES * 4 / 5, "%s: %d of %d histories are right ones" % (name, right, HISTORIES)
    assert overlooked < (HISTORIES - right) / 10, "%s: %d of %d wrong histories are overlooked" % (name, overlooked, HISTORIES - right)


def single_cases():
    """Pipelines have one call time, so that times say nothing of their order."""
    right = [Operation("c", 1, 5, "x", 1), Operation("c", 1, 6, None, 1), Operation("c", 1, 7, "x", 2)]
    assert check_counter(right) is None
    swapped = [Operation("c", 1, 5, "x", 2), Operation("c", 1, 6, "x", 1)]
    assert check_sequence(swapped) is None and check_client_order(swapped) is not None and check_counter(swapped) is not None
    stale = [Operation("c", 1, 5, "x", 1), Operation("c", 1, 6, None, 0)]
    assert check_sequence(stale) is None and check_counter(stale) is not None
    forgotten = [Operation("c", 1, 2, "x"), Operation("d", 3, 4, None, 0)]
    assert check_counter(forgotten) is not None, "what was performed has to be there, also when its result is lost"
    late = [Operation("c", 1, UNKNOWN, "x"), Operation("c", 2, 3, "y", 1), Operation("d", 4, 5, None, ("y", "x"))]
    assert check_list(late) is None, "what is of unknown outcome may be performed later"


compare("register", play_register, check_register, (None,), register_step)
compare("counter", play_counter, check_sequence, 0, counter_step)
compare("list", play_list, check_list, (), list_step)
compare("counter with lost results", play_counter, check_sequence, 0, counter_step, 0.3)
compare("list with lost results", play_list, check_list, (), list_step, 0.3)
single_cases()
print("soak-checker: it agrees with a search on %d histories of each kind" % HISTORIES)
