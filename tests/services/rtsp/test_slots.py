from edge_streamer.services.rtsp.slots import SlotTable


def test_the_lowest_free_slot_is_taken():
    table = SlotTable(4)
    slots = [table.take() for _ in range(4)]
    assert [slot.number for slot in slots] == [0, 1, 2, 3]
    assert table.take() is None
    table.release(slots[2])
    table.release(slots[1])
    assert [table.take().number for _ in range(2)] == [1, 2]
    assert table.take() is None


def test_a_slot_keeps_its_counters_over_its_occupants():
    table = SlotTable(2)
    slot = table.take()
    slot.sent_bytes += 100
    slot.discarded_frames += 3
    table.release(slot)
    again = table.take()
    assert again is slot
    assert (again.sent_bytes, again.discarded_frames) == (100, 3)


def test_slots_are_made_when_they_are_needed():
    table = SlotTable(1_000_000)
    for _ in range(3):
        table.release(table.take())
    assert len(table._slots) == 1


def test_another_limit_counts_for_those_who_come():
    table = SlotTable(3)
    slots = [table.take() for _ in range(3)]
    table.limit = 2
    table.release(slots[0])
    assert table.take() is None
    table.release(slots[1])
    assert table.take() is slots[0]
    table.limit = 4
    assert [table.take().number for _ in range(2)] == [1, 3]
