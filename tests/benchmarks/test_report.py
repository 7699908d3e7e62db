"""Rounds become tables: medians over rounds, ratios within a round, each server's figures beside the others'."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from benchmarks import report
from benchmarks.readers import ReadersReport
from benchmarks.report import (
    SCENARIOS,
    Measurement,
    Round,
    Run,
    Scenario,
    markdown,
    markdown_tables,
    newest_run,
    save,
    thoroughness,
)
from benchmarks.servers import FLOOR, OURS

READERS = ReadersReport(
    transport="tcp",
    count=50,
    connected=50,
    steady_s=10.0,
    bytes=250_000_000,  # 2 Gbit
    packets=180_000,
    gaps=0,
    lost_packets=0,
    first_packet_p50_s=0.012,
    first_packet_max_s=0.030,
    lateness_p50_s=0.002,
    lateness_p99_s=0.009,
    client_cpu_s=1.0,
    failures={},
)


def measured(cpu_s: float, readers: ReadersReport = READERS) -> Measurement:
    return Measurement(cpu_s, 0.2, readers, 30 << 20, 20 << 20)


def a_round(ours: float, floor: float, readers: ReadersReport = READERS, **peers: float) -> Round:
    measurements = {OURS: measured(ours, readers), FLOOR: measured(floor, replace(READERS, packets=0))}
    return Round(Scenario("tcp", 50), measurements | {name: measured(cpu_s) for name, cpu_s in peers.items()})


MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "architecture": "x86_64",
    "kernel": "6.18",
    "python": "3.11.2 of the distribution",
    "load_average_1_min": 0.4,
}


def a_run(
    measurements: Mapping[str, Measurement],
    scenario: Scenario = SCENARIOS[2],  # 50 over TCP
    figures: Mapping[str, str] | None = None,
) -> Run:
    rounds = [Round(scenario, measurements)]
    return Run("2026-11-28T10:00:00+00:00", MACHINE, {OURS: "0.1.0"}, figures or {}, rounds)


def cells(*rounds: Round) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in markdown_tables(rounds).split("\n\n"):
        lines = table.splitlines()
        assert len({line.count("|") for line in lines}) == 1, "a Markdown table has as many cells in each line"
        names, _rule, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        found |= dict(zip(names, row, strict=True))
    return found


def test_a_row_has_medians_and_ratios_taken_within_a_round():
    row = cells(a_round(0.1, 0.1, live555=0.2), a_round(0.2, 0.1, live555=0.8), a_round(1.0, 0.25, live555=1.0))
    assert row["scenario"] == "50 TCP, 4 Mbit/s"
    assert row["CPU-s/Gbit"] == "0.100"
    assert row["with source"] == "0.200"
    assert row["µs a frame and reader"] == "13"
    assert row["share of a core"] == "2.0%"
    assert row["floor"] == "0.050"
    assert row["ratio to floor"] == "2.00"
    assert row["live555"] == "0.400"
    assert row["ratio to live555"] == "0.50"
    assert row["joined: edge_streamer / live555"] == "50 / 50"
    assert row["first packet ms"] == "12.0 / 12.0"
    assert row["late p50 ms"] == "2.0 / 2.0"
    assert row["late p99 ms"] == "9.0 / 9.0"
    assert row["RSS MiB"] == "30.0 / 30.0"
    assert row["client CPU"] == "10%"


def test_a_scenario_says_that_its_readers_take_runs_whole():
    assert Scenario("udp", 200, udp_gro=True).name == "200 UDP with UDP_GRO, 4 Mbit/s"


def test_without_peers_the_service_and_the_floor_stand_alone():
    row = cells(a_round(0.1, 0.1))
    assert row["joined: edge_streamer"] == "50"
    assert not any("live555" in name for name in row)


def test_losses_of_all_rounds_show():
    lossy = replace(READERS, gaps=2, lost_packets=9, connected=49)
    row = cells(a_round(0.1, 0.1, lossy), a_round(0.1, 0.1), a_round(0.1, 0.1, lossy))
    assert row["gaps"] == "4"
    assert row["joined: edge_streamer"] == "49"


def test_a_client_without_room_is_named_as_the_bottleneck():
    assert cells(a_round(0.1, 0.1, replace(READERS, client_cpu_s=9.0)))["client CPU"] == "90% (the bottleneck?)"


def test_a_run_in_which_nothing_came_has_no_figure():
    silent = replace(READERS, bytes=0, packets=0, connected=0, first_packet_p50_s=None, first_packet_max_s=None)
    row = cells(a_round(0.1, 0.1, silent))
    assert row["CPU-s/Gbit"] == "-"
    assert row["ratio to floor"] == "-"
    assert row["first packet ms"] == "-"


def test_what_is_saved_can_be_read_again_and_the_newest_counts(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path)
    run = a_run({OURS: measured(0.1), "live555": measured(0.3)}, figures={"idle": "1 %"})
    save(run)
    save(replace(run, taken="2026-11-27T23:59:59+00:00"))
    assert newest_run() == run


def test_the_whole_run_says_when_and_where_and_how_thoroughly():
    text = markdown(a_run({OURS: measured(0.1)}, figures={"idle": "1 %"}))
    assert text.startswith("Measured 2026-11-28 on 2 cores of a processor (x86_64), Linux 6.18, Python 3.11.2 of the ")
    assert "one round of 10 s; 12 of 13 scenarios were not run. edge_streamer 0.1.0." in text
    assert "| 50 TCP, 4 Mbit/s |" in text
    assert text.endswith("- idle: 1 %")


def test_a_full_run_leaves_nothing_out():
    run = a_run({OURS: measured(0.1)})
    full = replace(run, rounds=[replace(run.rounds[0], scenario=scenario) for scenario in SCENARIOS * 5])
    assert thoroughness(full) == "medians of 5 rounds of 10 s"
