"""Is there an order of all operations on a key that explains every reply, and in which each takes effect at one moment between
its call and its return? What is checked are keys whose operations are all there, so each key is checked alone: a history is
linearizable if and only if that of every key is (Herlihy and Wing, locality).

There is no search: values are unique, so replies say which write a read saw, and which place an addition took. The checks are
exact, without false alarms and with nothing overlooked (checker_test.py compares them with a search), but for one case.

An operation of unknown outcome takes effect at any moment after its call, or never. An addition that was performed, but whose result is
lost, has an end, and saw nothing. Unless a read of a list shows its place it is taken for one of unknown outcome, of which reads that
begin behind it have to show as many: that overlooks something, and makes no false alarm either."""

import bisect

UNKNOWN = float("inf")  # when an operation of unknown outcome has ended


class Operation:
    """On one key. A write or addition says what it `wrote`; a read, and an addition that was answered, what it `saw`: the value, or
    for counters and lists how many additions there are with it. Times are any that only grow."""

    __slots__ = ("client", "call", "end", "wrote", "saw")

    def __init__(self, client, call, end, wrote=None, saw=None):
        self.client, self.call, self.end, self.wrote, self.saw = client, call, end, wrote, saw

    def __repr__(self):
        what = "read" if self.wrote is None else "wrote %r" % (self.wrote,)
        if self.end == UNKNOWN:
            return "%s %s, called at %s, outcome unknown" % (self.client, what, self.call)
        return "%s %s, saw %r, from %s to %s" % (self.client, what, self.saw, self.call, self.end)


class Zone:
    """A value's operations: its write and the reads that saw it. In any order they stand together, for no other write may be
    among them. The first to return is `first`, the last to be called `last`."""

    def __init__(self, write):
        self.write = self.first = self.last = write

    def add(self, read):
        self.first = min(self.first, read, key=lambda each: each.end)
        self.last = max(self.last, read, key=lambda each: each.call)

    def forward(self):
        """The value is there from the one moment to the other, at least. Otherwise one moment anywhere between them will do."""
        return self.first.end < self.last.call


def check_register(operations):
    """What is wrong with the history of a key that is set to unique values, and has none (None) at first; None: nothing.
    Gibbons and Korach, Testing Shared Memories (1997), theorem 4.5: no read precedes its write, no two forward zones overlap,
    no forward zone holds a whole backward one."""
    zones = {None: Zone(Operation("nobody", -UNKNOWN, -UNKNOWN))}
    for each in operations:
        if each.wrote is not None:
            zones[each.wrote] = Zone(each)
    for each in operations:
        if each.wrote is not None:
            continue
        if each.saw not in zones:
            return "a value that nobody has written: %r" % each
        if each.end < zones[each.saw].write.call:
            return "a value is read before it is written: %r; %r" % (each, zones[each.saw].write)
        zones[each.saw].add(each)
    forward = sorted((zone for zone in zones.values() if zone.forward()), key=lambda zone: zone.first.end)
    for one, other in zip(forward, forward[1:]):
        if one.last.call > other.first.end:
            return "two values at once: %r; %r; %r; %r" % (one.first, one.last, other.first, other.last)
    begins = [zone.first.end for zone in forward]
    for zone in zones.values():
        if zone.forward():
            continue
        place = bisect.bisect_left(begins, zone.last.call) - 1  # The last that begins before.
        if place >= 0 and zone.first.end < forward[place].last.call:
            held = forward[place]
            return "a value while another one is there: %r; %r; %r; %r" % (zone.first, zone.last, held.first, held.last)
    return None


def check_sequence(operations):
    """What is wrong with the history of a counter, or of the length of a list; None: nothing. An addition that was answered has
    the place that it saw. Places that nobody has were taken by additions of which the place is not known, one each, the one that was called
    earliest first (if any assignment fits, this one does)."""
    places, unknown = {}, []
    for each in operations:
        if each.wrote is None:
            continue
        if each.saw is None:
            unknown.append(each)
        elif each.saw in places:
            return "two have the same place: %r; %r" % (places[each.saw], each)
        else:
            places[each.saw] = each
    seen = [each for each in operations if each.wrote is None]
    count = max([0, *places, *(each.saw for each in seen)])
    if min([1, *places]) < 1:
        return "a place before the first: %r" % places[min(places)]
    # The moments of the places follow each other; each is at or after `after`, and at or before `before`.
    after, before = [None] * (count + 2), [None] * (count + 2)
    for place, each in places.items():
        bound(after, place, each, later)
        bound(before, place, each, earlier)
    for each in seen:
        bound(after, each.saw + 1, each, later)
        bound(before, each.saw, each, earlier)
    gaps = [place for place in range(1, count + 1) if place not in places]
    unknown.sort(key=lambda each: each.call)
    if len(gaps) > len(unknown):
        return "%d additions more than were asked for: places %s, and %d of unknown outcome" % (
            len(gaps) - len(unknown), gaps[:10], len(unknown))
    performed = [each for each in unknown if each.end != UNKNOWN]
    for read in seen if performed else ():
        before_it = [each for each in performed if each.end < read.call]
        if sum(place <= read.saw for place in gaps) < len(before_it):
            return "what was performed is not there: %r; %r" % (read, before_it[:10])
    for place, each in zip(gaps, unknown):
        bound(after, place, each, later)
    latest = None  # of what comes before
    for place in range(1, count + 1):
        if after[place] is not None:
            latest = after[place] if latest is None else later(latest, after[place])
        if latest is not None and before[place] is not None and latest.call > before[place].end:
            return "no order explains both, at place %d of %d: %r; %r" % (place, count, before[place], latest)
    return None


def later(one, other):
    return max(one, other, key=lambda each: each.call)


def earlier(one, other):
    return min(one, other, key=lambda each: each.end)


def bound(bounds, place, by, stronger):
    bounds[place] = by if bounds[place] is None else stronger(bounds[place], by)


def check_client_order(operations):
    """A client's commands are performed in its order, those of one pipeline too (of which the times say nothing). The operations are
    in the order of each client's; of what is not known nothing is said: it may be performed later."""
    last = {}
    for each in operations:
        if each.end == UNKNOWN or each.saw is None:
            continue
        before = last.get(each.client)
        if before is not None and (each.saw < before.saw or (each.wrote is not None and each.saw == before.saw)):
            return "out of its client's order: %r; then %r" % (before, each)
        last[each.client] = each
    return None


def check_list(operations):
    """What is wrong with the history of a key that unique items are appended to; None: nothing. Here reads saw all items, in a
    tuple, and additions wrote one."""
    longest = max((each.saw for each in operations if each.wrote is None), key=len, default=())
    if len(set(longest)) < len(longest):
        return "items are there twice: %s" % [item for item in longest if longest.count(item) > 1][:10]
    place_of = {item: place for place, item in enumerate(longest, 1)}
    asked = {each.wrote for each in operations if each.wrote is not None}
    if not asked.issuperset(longest):
        return "items that nobody has appended: %s" % [item for item in longest if item not in asked][:10]
    counted = []
    for each in operations:
        if each.wrote is None:
            if each.saw != longest[:len(each.saw)]:
                return "reads contradict each other: %r; the longest is %r" % (each, longest)
            counted.append(Operation(each.client, each.call, each.end, None, len(each.saw)))
            continue
        place = place_of.get(each.wrote, each.saw)
        if each.saw is not None and (place != each.saw or (each.saw <= len(longest) and each.wrote not in place_of)):
            return "an item is not where it was put: %r, and it was read at %s" % (each, place_of.get(each.wrote))
        counted.append(Operation(each.client, each.call, each.end, each.wrote, place))
    return check_counter(counted)


def check_counter(operations):
    """What is wrong with the history of a counter that starts at 0; None: nothing."""
    return check_sequence(operations) or check_client_order(operations)
