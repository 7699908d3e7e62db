from edge_streamer.runtime.memory import DELAY_S, WORTH_BYTES, MemoryTrimmer


def trimmer_with_count(loop):
    trimmer, calls = MemoryTrimmer(loop), []
    trimmer._trim = calls.append
    return trimmer, calls


def test_one_trim_for_all_that_was_freed_together(loop, clock):
    trimmer, calls = trimmer_with_count(loop)
    trimmer.note_freed(WORTH_BYTES)
    trimmer.note_freed(40 * WORTH_BYTES)
    loop.turn()
    assert calls == []
    clock.now += DELAY_S
    loop.turn()
    assert calls == [0]


def test_little_is_not_worth_it(loop, clock):
    trimmer, calls = trimmer_with_count(loop)
    trimmer.note_freed(WORTH_BYTES - 1)
    clock.now += DELAY_S
    loop.turn()
    assert calls == []


def test_the_next_freed_backlog_is_trimmed_again(loop, clock):
    trimmer, calls = trimmer_with_count(loop)
    for _ in range(2):
        trimmer.note_freed(WORTH_BYTES)
        clock.now += DELAY_S
        loop.turn()
    assert calls == [0, 0]


def test_the_real_trim_can_be_called(loop, clock):
    trimmer = MemoryTrimmer(loop)
    trimmer.note_freed(WORTH_BYTES)
    clock.now += DELAY_S
    loop.turn()
    assert loop.faults == 0
