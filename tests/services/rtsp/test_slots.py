from edge_streamer.services.rtsp.slots import Admission, Slot, SlotTable


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


def test_admission_ends_at_the_sessions_of_an_address_and_at_those_of_all():
    admission = Admission(total=3, per_address=2)
    first, second = (admission.admit("192.0.2.1") for _ in range(2))
    assert admission.admit("192.0.2.1") == "rtsp.max_sessions_per_address"
    assert isinstance(admission.admit("192.0.2.2"), Slot)
    assert admission.admit("192.0.2.3") == "rtsp.max_sessions"
    assert admission.open == 3
    admission.dismiss("192.0.2.1", first)
    assert admission.admit("192.0.2.3") is first
    assert second.number == 1


def test_the_addresses_of_an_ipv6_network_share_their_sessions():
    admission = Admission(total=8, per_address=2)
    hosts = ("2001:db8::1", "2001:db8::2")
    slots = [admission.admit(host) for host in hosts]
    assert all(isinstance(slot, Slot) for slot in slots)
    assert admission.admit("2001:db8::3") == "rtsp.max_sessions_per_address"
    admission.dismiss(hosts[0], slots[0])
    slots[0] = admission.admit("2001:db8::3")
    assert isinstance(slots[0], Slot)
    for host, slot in zip(("2001:db8::3", hosts[1]), slots, strict=True):
        admission.dismiss(host, slot)
    assert not admission._open
