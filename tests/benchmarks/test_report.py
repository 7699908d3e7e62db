"""Rounds become a table: medians over rounds, ratios within a round."""

from dataclasses import replace

import pytest

from benchmarks.readers import ReadersReport
from benchmarks.report import HEADER, Round, Scenario, Spent, markdown_table

REPORT = ReadersReport(
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
    client_cpu_s=1.0,
    failures={},
)


def a_round(service_cpu_s: float, floor_cpu_s: float, report: ReadersReport = REPORT) -> Round:
    return Round(
        scenario=Scenario("tcp", 50),
        service=Spent(service_cpu_s, 0.2, report),
        floor=Spent(floor_cpu_s, 0.0, replace(REPORT, packets=0)),
        resident_bytes=30 << 20,
        proportional_bytes=20 << 20,
    )


def cells(*rounds: Round) -> dict[str, str]:
    lines = markdown_table(rounds).splitlines()
    assert len({line.count("|") for line in lines}) == 1, "a Markdown table has as many cells in each line"
    names, _rule, row = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return dict(zip(names, row, strict=True))


def test_a_row_has_medians_and_ratios_taken_within_a_round():
    row = cells(a_round(0.1, 0.1), a_round(0.2, 0.1), a_round(1.0, 0.25))
    assert row["scenario"] == "50 TCP"
    assert row["server CPU-s/Gbit"] == "0.100"
    assert row["with source"] == "0.200"
    assert row["floor"] == "0.050"
    assert row["ratio to floor"] == "2.00"
    assert row["Mbit/s a reader"] == "4.00"
    assert row["joined"] == "50 of 50"
    assert row["first packet p50 ms"] == "12.0"
    assert row["RSS MiB"] == "30.0"
    assert row["PSS MiB"] == "20.0"
    assert row["client CPU"] == "10%"


def test_losses_of_all_rounds_show():
    lossy = replace(REPORT, gaps=2, lost_packets=9, connected=49)
    row = cells(a_round(0.1, 0.1, lossy), a_round(0.1, 0.1), a_round(0.1, 0.1, lossy))
    assert row["gaps"] == "4"
    assert row["joined"] == "49 of 50"


def test_a_client_without_room_is_named_as_the_bottleneck():
    assert cells(a_round(0.1, 0.1, replace(REPORT, client_cpu_s=9.0)))["client CPU"] == "90% (the bottleneck?)"


def test_a_run_in_which_nothing_came_has_no_figure():
    silent = replace(REPORT, bytes=0, packets=0, connected=0, first_packet_p50_s=None, first_packet_max_s=None)
    row = cells(a_round(0.1, 0.1, silent))
    assert row["server CPU-s/Gbit"] == "nan"
    assert row["first packet p50 ms"] == "none"


@pytest.mark.parametrize("name", ["scenario", "gaps", "floor"])
def test_the_header_names_what_is_claimed(name: str):
    assert f" {name} |" in HEADER
